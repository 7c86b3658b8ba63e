//! A tag: the number of a code page and a token on it.

use std::fmt;

use super::tokens::PAGES;

/// An element of a code page. The constants in [`super::page`] are the known ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    page: u8,
    token: u8,
}

impl Tag {
    /// The tag `token` (0x05 to 0x3F: without the bits for content and attributes) of the code page `page`.
    ///
    /// # Panics
    /// With a token outside of this range; constants are checked by the compiler.
    pub const fn new(page: u8, token: u8) -> Self {
        assert!(token >= FIRST && token <= LAST, "no tag has this token");
        Self { page, token }
    }

    /// The number of the code page.
    pub const fn page(self) -> u8 {
        self.page
    }

    /// The token, 0x05 to 0x3F.
    pub const fn token(self) -> u8 {
        self.token
    }

    /// The name of the element, as MS-ASWBXML spells it; `None` for one that is in no table.
    pub fn name(self) -> Option<&'static str> {
        let (_, names) = PAGES.get(usize::from(self.page))?;
        let name = names.get(usize::from(self.token.checked_sub(FIRST)?))?;
        Some(*name).filter(|name| !name.is_empty())
    }

    /// The name of the code page, which is the XML namespace without its colon.
    pub fn page_name(self) -> Option<&'static str> {
        PAGES.get(usize::from(self.page)).map(|(name, _)| *name)
    }
}

/// `AirSync:SyncKey`; what is in no table as `99:0x2a`.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.page_name(), self.name()) {
            (Some(page), Some(name)) => write!(f, "{page}:{name}"),
            (Some(page), None) => write!(f, "{page}:{:#04x}", self.token),
            (None, _) => write!(f, "{}:{:#04x}", self.page, self.token),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tokens below are the same on all pages: SWITCH_PAGE, END, ENTITY, STR_I, LITERAL.
pub(super) const FIRST: u8 = 0x05;
/// The highest one that leaves both bits free.
pub(super) const LAST: u8 = 0x3F;

/// Names by token on one page; the empty name is a gap.
pub(super) type Names = [&'static str; (LAST - FIRST + 1) as usize];

/// Puts a name into its place; evaluated by the compiler.
pub(super) const fn names(of: &[(u8, &'static str)]) -> Names {
    let mut all = [""; (LAST - FIRST + 1) as usize];
    let mut at = 0;
    while at < of.len() {
        all[(of[at].0 - FIRST) as usize] = of[at].1;
        at += 1;
    }
    all
}

/// Turns the generated list into one module of constants for each page, and the table of their names.
macro_rules! pages {
    ($($number:literal $page:ident { $($element:ident = $token:literal,)* })*) => {
        /// The elements that are known, by code page, under the standard's names: `page::AirSync::SyncKey`.
        #[allow(non_snake_case, non_upper_case_globals, missing_docs, reason = "the standard's names; their meaning is the standard's, too")]
        pub mod page {
            $(pub mod $page {
                use super::super::super::tag::Tag;
                $(pub const $element: Tag = Tag::new($number, $token);)*
            })*
        }

        /// The name of each page, and of its elements. The index is the page's number.
        pub(super) const PAGES: &[(&str, Names)] = &[$((stringify!($page), names(&[$(($token, stringify!($element)),)*])),)*];
    };
}
pub(super) use pages;

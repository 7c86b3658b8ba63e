//! What a text is: its media type and parameters, as a Content-Type field says them.

use mail_builder::headers::content_type::ContentType;

use crate::model::Result;

use super::{is_media, malformed};

/// Character sets of which a text in UTF-8 may be said to be, or from which it is taken into that.
const KNOWN: [&str; 6] = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1"];

/// The type of a text; its character set is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    media: String,
    parameters: Vec<(String, String)>,
}

impl Kind {
    /// One without parameters.
    pub fn new(media: &str) -> Self {
        Self { media: media.to_owned(), parameters: Vec::new() }
    }

    /// Reads `text/html; charset=utf-8`.
    pub fn read(text: &str) -> Result<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        if !is_media(&media) {
            return Err(malformed(format!("\"{}\" is no media type", text.escape_debug())).hint("write it as text/html; charset=utf-8"));
        }
        if !media.starts_with("text/") {
            let failed = format!("the Content-Type says {media}, and what is composed here is text: it would not be what it says");
            return Err(malformed(failed).hint("attach the file, or give a whole message to mailx send"));
        }
        let mut parameters = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').map(|(name, value)| (name.trim(), value.trim())).unwrap_or_default();
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
            if !word(name) || !word(value) {
                return Err(malformed(format!("\"{}\" is no parameter of a media type", part.escape_debug())));
            }
            if !name.eq_ignore_ascii_case("charset") {
                parameters.push((name.to_ascii_lowercase(), value.to_owned()));
            } else if !KNOWN.contains(&value.to_ascii_lowercase().as_str()) {
                let failed = format!("the Content-Type says that the text is {value}, and mailx composes in UTF-8");
                return Err(malformed(failed).hint(format!("convert it before: iconv -f {value} -t utf-8")));
            }
        }
        Ok(Self { media, parameters })
    }

    /// As the field of a text in `charset`.
    pub fn content_type(self, charset: &'static str) -> ContentType<'static> {
        let kind = ContentType::new(self.media).attribute("charset", charset);
        self.parameters.into_iter().fold(kind, |kind, (name, value)| kind.attribute(name, value))
    }
}

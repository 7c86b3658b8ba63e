//! What a server says that it can do, in its reply to EHLO (RFC 5321 §4.1.1.1).

use super::Reply;

/// The extensions of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    /// Upper case keyword, then its parameters as they came.
    offered: Vec<(String, String)>,
}

impl Extensions {
    /// Reads a reply to EHLO or LHLO; its first line is the server's name. `disabled` are taken for missing (upper case).
    pub fn read(reply: &Reply, disabled: &[String]) -> Self {
        let keyword = |line: &String| {
            let line = line.trim();
            let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
            let name = line[..end].to_ascii_uppercase();
            (!name.is_empty() && !disabled.contains(&name)).then(|| (name, line[end..].trim_start_matches([' ', '\t', '=']).to_owned()))
        };
        Self { offered: reply.lines.iter().skip(1).filter_map(keyword).collect() }
    }

    /// Whether the extension is offered, by its keyword in upper case.
    pub fn has(&self, name: &str) -> bool {
        self.offered.iter().any(|(offered, _)| offered == name)
    }

    /// SASL mechanisms in upper case (RFC 4954 §3), those of the old spelling `AUTH=LOGIN` included.
    pub fn mechanisms(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for (_, names) in self.offered.iter().filter(|(name, _)| name == "AUTH") {
            for name in names.split_whitespace().map(str::to_ascii_uppercase) {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
        }
        all
    }

    /// Octets that a message may have (RFC 1870 §4); `None` where the server names no limit.
    pub fn size(&self) -> Option<u64> {
        let (_, size) = self.offered.iter().find(|(name, _)| name == "SIZE")?;
        size.split_whitespace().next()?.parse().ok().filter(|most| *most > 0)
    }

    /// The keywords, for words.
    pub fn list(&self) -> String {
        let shown =
            |(name, parameters): &(String, String)| if parameters.is_empty() { name.clone() } else { format!("{name} {parameters}") };
        self.offered.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

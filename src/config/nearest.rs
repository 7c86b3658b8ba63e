//! "Did you mean …?": the nearest word of a list.

/// The word of `known` that `word` was probably meant to be; `None` when nothing is near enough to be more than a guess.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Case and `_` for `-` are how keys of other tools are written; they must not count as letters that differ.
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let asked = plain(word);
    known
        .into_iter()
        .filter_map(|candidate| {
            let target = plain(candidate);
            let distance = strsim::damerau_levenshtein(&asked, &target);
            let near = distance <= 1 + target.chars().count() / 4;
            // Two edits turn any two-letter word into any other: there the shape of the word decides.
            let alike = strsim::jaro_winkler(&asked, &target);
            (distance <= 1 && target.len() > 2 || near && alike > 0.6 || alike > 0.88).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typos_find_their_key_and_strangers_find_none() {
        let keys = ["after-fetch", "address", "tls", "password", "sasl", "send"];
        for (typed, meant) in [
            ("aftr-fetch", Some("after-fetch")),
            ("after_fetch", Some("after-fetch")),
            ("AFTER-FETCH", Some("after-fetch")),
            ("adress", Some("address")),
            ("tsl", Some("tls")),
            ("password-command", Some("password")),
            ("sned", Some("send")),
            ("include", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, keys), meant, "{typed}");
        }
    }
}

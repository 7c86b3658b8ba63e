//! The values of an account that have a form of their own: `send`, `after-fetch`, `password`, `tls`, `proxy`, `tunnel`.

use toml::de::{DeTable, DeValue};

use super::draft::{At, Cx, Node, Sending, filled};
use super::problem::Problem;
use super::{Argv, Inline, Roots, Route, SecretSource, Tls, url, values};
use crate::model::{AfterFetch, SecretString};

/// A URL, or `{ command = … }`.
pub(super) fn send(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<At<Sending>> {
    match value.get_ref() {
        DeValue::String(text) => Some(At { value: Sending::Url(text.to_string()), span: value.span() }),
        DeValue::Table(table) => {
            let (_, inner) = only(cx, value, table, &["command"])?;
            argv(cx, inner).map(|argv| At { value: Sending::Command(argv), span: value.span() })
        }
        _ => cx.wrong_type(value, "a URL or { command = \"…\" }"),
    }
}

/// `"keep"`, `"delete"`, or `{ delete-after = "30d" }`.
pub(super) fn after_fetch(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<At<AfterFetch>> {
    match value.get_ref() {
        DeValue::String(_) => cx.word(value, &[("keep", AfterFetch::Keep), ("delete", AfterFetch::Delete)]),
        DeValue::Table(table) => {
            let (_, inner) = only(cx, value, table, &["delete-after"])?;
            let after = cx.text(inner, |text| match values::duration(text)? {
                std::time::Duration::ZERO => Err("no time at all: write after-fetch = \"delete\" to delete at once".to_owned()),
                after => Ok(AfterFetch::DeleteAfter(after)),
            })?;
            Some(At { value: after.value, span: value.span() })
        }
        _ => cx.wrong_type(value, "\"keep\", \"delete\" or { delete-after = \"30d\" }"),
    }
}

/// Where the secret is: a table with one key; or, as a plain string, the secret.
pub(super) fn password(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<At<SecretSource>> {
    const KEYS: [&str; 5] = ["command", "keyring", "file", "env", "credential"];
    let source = match value.get_ref() {
        DeValue::String(text) => {
            cx.has_secret = true;
            let checked = if text.is_empty() || text.contains(['\0', '\n', '\r']) {
                Err("a password is one line of text, and not empty".to_owned())
            } else {
                Ok(SecretSource::Inline(Inline(SecretString::from(text.to_string()))))
            };
            return cx.parsed(value.span(), checked);
        }
        DeValue::Table(table) => {
            // Whatever stands there under a key that nobody knows (`value`, `pass`) may well be the password.
            cx.has_secret |= table.keys().any(|key| !KEYS.contains(&key.get_ref().as_ref()));
            let (key, inner) = only(cx, value, table, &KEYS)?;
            match key {
                "command" => argv(cx, inner).map(SecretSource::Command),
                "keyring" => {
                    if !cx.truth(inner)?.value {
                        cx.problems.push(Problem::new(inner.span(), "only `keyring = true` means something; else name another source"));
                        return None;
                    }
                    Some(SecretSource::Keyring)
                }
                "file" => cx.path(inner).map(|at| SecretSource::File(at.value)),
                "env" => cx.text(inner, variable).map(|at| SecretSource::Env(at.value)),
                _ => cx.text(inner, credential).map(|at| SecretSource::Credential(at.value)),
            }
        }
        // A number may be a password without quotes.
        _ => {
            cx.has_secret = true;
            cx.wrong_type(value, "a table as { command = \"…\" } or { keyring = true }")
        }
    };
    source.map(|source| At { value: source, span: value.span() })
}

fn variable(text: &str) -> values::Parsed<String> {
    let fits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
    if fits { Ok(text.to_owned()) } else { Err("the name of an environment variable has letters, digits and _ (and no `$`)".to_owned()) }
}

fn credential(text: &str) -> values::Parsed<String> {
    let fits = !matches!(text, "" | "." | "..") && !text.contains(['/', '\0']);
    if fits { Ok(text.to_owned()) } else { Err("a credential is a name below $CREDENTIALS_DIRECTORY, without `/`".to_owned()) }
}

/// The `tls` table.
pub(super) fn tls(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<At<Tls>> {
    const KEYS: [&str; 6] = ["ca", "pin", "cert", "key", "roots", "mode"];
    let table = cx.table(value)?;
    let before = cx.problems.len();
    let mut tls = Tls::default();
    for (key, inner) in table {
        match key.get_ref().as_ref() {
            "ca" => tls.ca = cx.path(inner).map(|at| at.value),
            "pin" => tls.pin = cx.text(inner, values::pin).map(|at| at.value),
            "cert" => tls.cert = cx.path(inner).map(|at| at.value),
            "key" => tls.key = cx.path(inner).map(|at| at.value),
            "roots" => {
                let words = [("webpki", Roots::Webpki), ("system", Roots::System), ("both", Roots::Both)];
                tls.roots = cx.word(inner, &words).map(|at| at.value).unwrap_or_default();
            }
            "mode" => tls.clear = cx.word(inner, &[("none", true)]).is_some(),
            other => cx.problems.push(Problem::unknown_key(key.span(), other, &KEYS)),
        }
    }
    if cx.problems.len() == before {
        if tls.clear && table.len() > 1 {
            cx.problems.push(Problem::new(value.span(), "with mode = \"none\" there is no TLS: the other keys mean nothing"));
        }
        if tls.cert.is_some() != tls.key.is_some() {
            let hint = "both may name the same PEM file";
            cx.problems.push(Problem::new(value.span(), "a client certificate needs `cert` and `key`").hint(hint));
        }
    }
    (cx.problems.len() == before).then(|| At { value: tls, span: value.span() })
}

/// `proxy = "socks5://…"`.
pub(super) fn proxy(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<At<Route>> {
    // A URL that is wrong may hold a secret all the same.
    cx.has_secret |= value.get_ref().as_str().is_some_and(|text| text.contains('@'));
    cx.text(value, |text| url::proxy(text).map(|_| Route::Proxy(text.to_owned())))
}

/// `tunnel = ["ssh", …]`: without a shell on purpose (mutt CVE-2018-14357).
pub(super) fn tunnel(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<At<Route>> {
    exec(cx, value).map(|argv| At { value: Route::Tunnel(argv), span: value.span() })
}

/// A string for `sh -c`, or a list.
fn argv(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<Argv> {
    match value.get_ref() {
        DeValue::String(text) => cx.parsed(value.span(), filled(text, "the command")).map(|at| Argv::Shell(at.value)),
        DeValue::Array(_) => exec(cx, value).map(Argv::Exec),
        _ => cx.wrong_type(value, "a command: a string for sh, or a list"),
    }
}

fn exec(cx: &mut Cx<'_>, value: &Node<'_>) -> Option<Vec<String>> {
    let nul = |text: &str| if text.contains('\0') { Err("an argument has no NUL in it".to_owned()) } else { Ok(text.to_owned()) };
    let argv = cx.list(value, nul)?.value;
    if argv.first().is_none_or(String::is_empty) {
        cx.problems.push(Problem::new(value.span(), "the program is missing"));
        return None;
    }
    Some(argv)
}

/// The one entry of a table that must have exactly one of `known`.
fn only<'a, 't, 'k>(cx: &mut Cx<'_>, value: &Node<'_>, table: &'a DeTable<'t>, known: &[&'k str]) -> Option<(&'k str, &'a Node<'t>)> {
    let before = cx.problems.len();
    let mut found = None;
    for (key, inner) in table {
        match known.iter().find(|word| **word == key.get_ref().as_ref()) {
            None => cx.problems.push(Problem::unknown_key(key.span(), key.get_ref(), known)),
            Some(_) if found.is_some() => {
                cx.problems.push(Problem::new(value.span(), format!("only one of {} may stand here", known.join(", "))));
            }
            Some(word) => found = Some((*word, inner)),
        }
    }
    if found.is_none() && cx.problems.len() == before {
        cx.problems.push(Problem::new(value.span(), format!("one of these is missing: {}", known.join(", "))));
    }
    found.filter(|_| cx.problems.len() == before)
}

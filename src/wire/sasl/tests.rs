use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use super::*;

/// A SCRAM server of ten lines, checked against the RFCs' examples below: the client side is rsasl's, so both are needed.
mod server {
    use super::*;

    pub type Hash = fn(&[u8]) -> Vec<u8>;

    pub fn sha256(data: &[u8]) -> Vec<u8> {
        sha2::Sha256::digest(data).to_vec()
    }

    pub fn sha1(data: &[u8]) -> Vec<u8> {
        use sha1::Digest as _;
        sha1::Sha1::digest(data).to_vec()
    }

    pub fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
        let pad = |with: u8| (0..64).map(|i| key.get(i).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
        let inner = hash(&[pad(0x36), data.to_vec()].concat());
        hash(&[pad(0x5c), inner].concat())
    }

    fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
        a.iter().zip(b).map(|(a, b)| a ^ b).collect()
    }

    /// The proof that a client must give, and the signature that the server answers.
    pub fn expect(hash: Hash, password: &[u8], salt: &[u8], iterations: u32, auth_message: &str) -> (String, String) {
        let mut round = hmac(hash, password, &[salt, &[0, 0, 0, 1]].concat());
        let mut salted = round.clone();
        for _ in 1..iterations {
            round = hmac(hash, password, &round);
            salted = xor(&salted, &round);
        }
        let client_key = hmac(hash, &salted, b"Client Key");
        let proof = xor(&client_key, &hmac(hash, &hash(&client_key), auth_message.as_bytes()));
        let signature = hmac(hash, &hmac(hash, &salted, b"Server Key"), auth_message.as_bytes());
        (STANDARD.encode(proof), STANDARD.encode(signature))
    }
}

const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";

fn secret(text: &str) -> secrecy::SecretString {
    text.to_string().into()
}

fn exchange(mechanism: Mechanism, binding: Option<&[u8]>) -> Exchange {
    Exchange::new(mechanism, "user", &secret("pencil"), "mail.example.org", 993, binding.map(<[u8]>::to_vec)).unwrap()
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

/// Plays a login up to the server's last word; answers the exchange and the right last word.
fn scram(mechanism: Mechanism, binding: Option<&[u8]>, gs2: &str, hash: server::Hash) -> (Exchange, String) {
    let mut client = exchange(mechanism, binding);
    let first = text(client.initial().unwrap().unwrap());
    let bare = first.strip_prefix(gs2).unwrap_or_else(|| panic!("{first} does not begin with {gs2}"));
    let nonce = bare.strip_prefix("n=user,r=").unwrap();
    assert!(nonce.len() >= 18);
    let server_first = format!("r={nonce}0123,s={SALT},i=4096");
    let last = text(client.step(server_first.as_bytes()).unwrap());
    let (without_proof, proof) = last.rsplit_once(",p=").unwrap();
    let bound = [gs2.as_bytes(), binding.filter(|_| mechanism.binds()).unwrap_or_default()].concat();
    assert_eq!(without_proof, format!("c={},r={nonce}0123", STANDARD.encode(bound)));
    let auth_message = format!("{bare},{server_first},{without_proof}");
    let (right, signature) = server::expect(hash, b"pencil", &STANDARD.decode(SALT).unwrap(), 4096, &auth_message);
    assert_eq!(proof, right);
    (client, format!("v={signature}"))
}

#[test]
fn the_test_server_gives_the_known_answers_of_the_rfcs() {
    let (proof, signature) = server::expect(
        server::sha256,
        b"pencil",
        &STANDARD.decode(SALT).unwrap(),
        4096,
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
         c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    );
    assert_eq!(proof, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="); // RFC 7677 §3
    assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    let (proof, signature) = server::expect(
        server::sha1,
        b"pencil",
        &STANDARD.decode("QSXCR+Q6sek8bf92").unwrap(),
        4096,
        "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,\
         c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
    );
    assert_eq!(proof, "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="); // RFC 5802 §5
    assert_eq!(signature, "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

#[test]
fn scram_proves_both_sides() {
    let binding: &[u8] = &[7; 32];
    for (mechanism, binding, gs2, hash) in [
        (Mechanism::ScramSha256, None, "n,,", server::sha256 as server::Hash),
        (Mechanism::ScramSha1, None, "n,,", server::sha1),
        (Mechanism::ScramSha256Plus, Some(binding), "p=tls-exporter,,", server::sha256),
        (Mechanism::ScramSha1Plus, Some(binding), "p=tls-exporter,,", server::sha1),
        // "I could have bound, you did not offer it"
        (Mechanism::ScramSha256, Some(binding), "y,,", server::sha256),
        (Mechanism::ScramSha1, Some(binding), "y,,", server::sha1),
    ] {
        let (mut client, right) = scram(mechanism, binding, gs2, hash);
        assert_eq!(client.finished(), Err(SaslError::ServerNotProven), "success before the proof is no success");
        assert_eq!(client.step(right.as_bytes()).unwrap(), b"");
        assert_eq!(client.finished(), Ok(()));
        assert_eq!(client.step(b""), Err(SaslError::TooManyRounds));
        assert!(client.finished().is_err());
    }
}

#[test]
fn scram_refuses_a_server_that_does_not_know_the_password() {
    let (mut client, right) = scram(Mechanism::ScramSha256, None, "n,,", server::sha256);
    let wrong = right.replace("v=", "v=AAAA");
    assert_eq!(client.step(wrong.as_bytes()), Err(SaslError::ServerNotProven));
    assert_eq!(client.finished(), Err(SaslError::ServerNotProven));
    assert!(client.step(right.as_bytes()).is_err(), "there is no second try");

    let (mut client, _) = scram(Mechanism::ScramSha256, None, "n,,", server::sha256);
    assert_eq!(client.step(b"e=invalid-proof"), Err(SaslError::Refused("invalid-proof".into())));

    let (mut client, _) = scram(Mechanism::ScramSha256, None, "n,,", server::sha256);
    assert!(client.step(b"").is_err());
    assert!(client.finished().is_err());
}

#[test]
fn a_last_word_of_any_shape_is_an_error_and_no_panic() {
    for last in ["", "v", "v=", "e", "e=", "=", ",", "v,", "x=1", "v=%%%", "v=AAAA,", "r=a,s=AAAA,i=4096"] {
        let (mut client, _) = scram(Mechanism::ScramSha1, None, "n,,", server::sha1);
        assert!(client.step(last.as_bytes()).is_err(), "{last}");
        assert!(client.finished().is_err(), "{last}");
    }
}

#[test]
fn scram_bounds_the_iterations_and_wants_its_own_nonce_back() {
    let try_first = |make: &dyn Fn(&str) -> String| {
        let mut client = exchange(Mechanism::ScramSha256, None);
        let first = text(client.initial().unwrap().unwrap());
        let nonce = first.rsplit_once("r=").unwrap().1;
        client.step(make(nonce).as_bytes())
    };
    for iterations in ["1", "4095", "1000001", "99999999999999999999", "-1", ""] {
        let got = try_first(&|nonce| format!("r={nonce}x,s={SALT},i={iterations}"));
        assert_eq!(got, Err(SaslError::Iterations(iterations.chars().take(20).collect())), "{iterations}");
    }
    assert!(try_first(&|nonce| format!("r={nonce}x,s={SALT},i=4096")).is_ok());
    for bad in [
        "r=other,s=AAAA,i=4096",
        "",
        ",,,",
        "r=",
        "x",
        "r=a",
        "r=a,s",
        "r=a,s=",
        "r=a,s=AAAA",
        "r=a,s=AAAA,i",
        "v=AAAA",
        "m=ext,r=a,s=AAAA,i=4096",
    ] {
        assert!(matches!(try_first(&|_| bad.into()), Err(SaslError::Malformed(_))), "{bad}");
    }
    assert!(matches!(try_first(&|nonce| format!("r={nonce},s={SALT},i=4096")), Err(SaslError::Malformed(_))), "nothing of its own");
}

#[test]
fn plain_login_and_external_say_what_their_rfcs_say() {
    let mut plain = exchange(Mechanism::Plain, None);
    assert_eq!(plain.initial().unwrap().unwrap(), b"\0user\0pencil");
    assert_eq!(plain.finished(), Ok(()));
    assert_eq!(plain.step(b"more"), Err(SaslError::TooManyRounds));

    let mut login = exchange(Mechanism::Login, None);
    assert_eq!(login.initial().unwrap(), None);
    assert_eq!(login.step(b"User Name\0").unwrap(), b"user");
    assert!(login.finished().is_err());
    assert_eq!(login.step(b"Password\0").unwrap(), b"pencil");
    assert_eq!(login.finished(), Ok(()));
    assert_eq!(login.step(b"Password\0"), Err(SaslError::TooManyRounds));

    let mut external = exchange(Mechanism::External, None);
    assert_eq!(external.initial().unwrap().unwrap(), b"user");
    assert_eq!(external.finished(), Ok(()));
}

#[test]
fn oauth_carries_the_token_and_acknowledges_a_refusal() {
    let make = |mechanism| Exchange::new(mechanism, "a,b=c@example.org", &secret("tok.en=="), "mail.example.org", 993, None).unwrap();
    let mut bearer = make(Mechanism::OAuthBearer);
    assert_eq!(
        text(bearer.initial().unwrap().unwrap()),
        "n,a=a=2Cb=3Dc@example.org,\x01host=mail.example.org\x01port=993\x01auth=Bearer tok.en==\x01\x01"
    );
    assert_eq!(bearer.finished(), Ok(()));
    let json = r#"{"status":"invalid_token","scope":"mail \"x\""}"#;
    assert_eq!(bearer.step(json.as_bytes()).unwrap(), b"\x01");
    assert_eq!(bearer.refusal(), Some(json));
    assert!(bearer.finished().is_err(), "success after a refusal is a lie");
    assert_eq!(bearer.step(b"more"), Err(SaslError::TooManyRounds));

    let mut old = make(Mechanism::XOAuth2);
    assert_eq!(text(old.initial().unwrap().unwrap()), "user=a,b=c@example.org\x01auth=Bearer tok.en==\x01\x01");
    assert_eq!(old.step(br#"{"status":"401"}"#).unwrap(), b"");
    assert_eq!(old.refusal(), Some(r#"{"status":"401"}"#));
}

#[test]
fn bounds_hold_and_secrets_stay_hidden() {
    let mut client = exchange(Mechanism::ScramSha256, None);
    client.initial().unwrap();
    assert_eq!(client.step(&vec![b'x'; MAX_CHALLENGE + 1]), Err(SaslError::TooLong(MAX_CHALLENGE + 1)));
    assert!(!format!("{client:?}").contains("pencil"));
    let make = |mechanism, user: &str, text: &str| Exchange::new(mechanism, user, &secret(text), "h", 1, None).map(|_| ());
    assert!(make(Mechanism::Plain, "us\0er", "x").is_err());
    assert!(make(Mechanism::Plain, "user", "a\0b").is_err());
    assert!(make(Mechanism::Plain, "user", "").is_err());
    assert!(make(Mechanism::XOAuth2, "user\x01auth=Bearer other", "t").is_err());
    assert!(make(Mechanism::OAuthBearer, "user", "token\x01\x01").is_err());
    assert_eq!(make(Mechanism::ScramSha256Plus, "user", "x"), Err(SaslError::NoBinding(Mechanism::ScramSha256Plus)));
}

#[test]
fn the_strongest_is_chosen_and_nothing_weak_in_clear() {
    use Mechanism as M;
    let all = ["LOGIN", "plain", "XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "NTLM", "EXTERNAL"];
    assert_eq!(choose(&all, Have::Password, None, true, true), Ok(M::ScramSha256Plus));
    assert_eq!(choose(&all, Have::Password, None, true, false), Ok(M::ScramSha256));
    assert_eq!(choose(&all, Have::Token, None, true, true), Ok(M::OAuthBearer));
    assert_eq!(choose(&["XOAUTH2", "PLAIN"], Have::Token, None, true, true), Ok(M::XOAuth2));
    assert_eq!(choose(&["LOGIN", "PLAIN"], Have::Password, None, true, false), Ok(M::Plain));
    assert_eq!(choose(&["LOGIN"], Have::Password, None, true, false), Ok(M::Login));
    assert_eq!(choose(&["SCRAM-SHA-1", "PLAIN"], Have::Password, None, false, false), Ok(M::ScramSha1));
    assert_eq!(choose(&["PLAIN"], Have::Password, None, false, false), Err(ChooseError::NeedsTls(M::Plain)));
    assert_eq!(choose(&["XOAUTH2"], Have::Token, None, false, false), Err(ChooseError::NeedsTls(M::XOAuth2)));
    assert_eq!(choose(&["SCRAM-SHA-1-PLUS"], Have::Password, None, true, false), Err(ChooseError::NeedsBinding(M::ScramSha1Plus)));
    assert_eq!(choose::<&str>(&[], Have::Password, None, true, true), Err(ChooseError::NothingOffered));
    assert_eq!(choose(&["NTLM"], Have::Password, None, true, true), Err(ChooseError::Unknown(vec!["NTLM".into()])));
    assert_eq!(choose(&["EXTERNAL"], Have::Token, None, true, true), Err(ChooseError::Unknown(vec!["EXTERNAL".into()])));

    let words = choose(&["XOAUTH2", "OAUTHBEARER"], Have::Password, None, true, true).unwrap_err().to_string();
    assert!(words.contains("OAuth only") && words.contains("XOAUTH2, OAUTHBEARER") && words.contains("access token"), "{words}");
    assert!(matches!(choose(&["PLAIN"], Have::Token, None, true, true), Err(ChooseError::PasswordOnly(_))));
}

#[test]
fn a_forced_mechanism_never_falls_back() {
    use Mechanism as M;
    let force = |forced, offered: &[&str], have, encrypted| choose(offered, have, Some(forced), encrypted, false);
    assert_eq!(force(M::Plain, &["PLAIN", "SCRAM-SHA-256"], Have::Password, true), Ok(M::Plain));
    let words = force(M::ScramSha256, &["PLAIN"], Have::Password, true).unwrap_err().to_string();
    assert!(words.contains("SCRAM-SHA-256") && words.contains("offers PLAIN"), "{words}");
    assert_eq!(force(M::Plain, &["PLAIN"], Have::Password, false), Err(ChooseError::NeedsTls(M::Plain)));
    assert_eq!(
        force(M::ScramSha256Plus, &["SCRAM-SHA-256-PLUS"], Have::Password, true),
        Err(ChooseError::NeedsBinding(M::ScramSha256Plus))
    );
    assert!(matches!(force(M::Plain, &["PLAIN"], Have::Token, true), Err(ChooseError::WrongSecret { .. })));
    assert!(matches!(force(M::XOAuth2, &["XOAUTH2"], Have::Password, true), Err(ChooseError::WrongSecret { .. })));
    assert_eq!(force(M::External, &["EXTERNAL"], Have::Password, true), Ok(M::External));
}

#[test]
fn names_are_read_in_any_case() {
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::parse(&mechanism.name().to_lowercase()), Some(mechanism));
    }
    assert_eq!(Mechanism::parse("CRAM-MD5"), None);
}

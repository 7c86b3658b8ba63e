//! One exchange of messages by one mechanism, over rsasl.

use std::fmt;

use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::config::SASLConfig;
use rsasl::mechanisms::{external, login, oauthbearer, plain, scram, xoauth2};
use rsasl::prelude::{
    ChannelBindingCallback, Mechanism as Rsasl, Mechname, MessageSent, Registry, SASLClient, Session, SessionError, State,
};
use rsasl::property::{AuthId, AuthzId, OAuthBearerKV, OAuthBearerToken, Password};
use rsasl::validate::NoValidation;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

use super::Mechanism;

/// Challenges of one exchange that are answered.
pub const MAX_ROUNDS: usize = 5;
/// Octets of a challenge, before base64.
pub const MAX_CHALLENGE: usize = 16 * 1024;
/// Fewer SCRAM iterations make a stolen exchange cheap to guess at (RFC 7677 §4 demands 4096); more would keep us busy.
const ITERATIONS: std::ops::RangeInclusive<u64> = 4096..=1_000_000;
/// Characters kept of a server's own words.
const QUOTED: usize = 1024;

/// Why an exchange ended. Never holds a secret; may quote the server (not sanitised, bounded).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SaslError {
    /// User or secret is empty or holds a character that the mechanism cannot carry.
    #[error("{0}")]
    Unusable(&'static str),
    /// A -PLUS mechanism without channel binding data.
    #[error("{0} needs channel binding data")]
    NoBinding(Mechanism),
    /// A challenge above [`MAX_CHALLENGE`].
    #[error("the server sent a login challenge of {0} octets")]
    TooLong(usize),
    /// More than [`MAX_ROUNDS`] challenges, or one after the end.
    #[error("the server does not come to an end with the login")]
    TooManyRounds,
    /// SCRAM with too few or too many iterations.
    #[error("the server demands {0} SCRAM iterations; 4096 to 1000000 are acceptable")]
    Iterations(String),
    /// The server could not prove that it knows the password: it is not the right one.
    #[error("the server could not prove that it knows the password: it may be an impostor")]
    ServerNotProven,
    /// The server refused in the mechanism's own words.
    #[error("the server refused the login: {0}")]
    Refused(String),
    /// A challenge that makes no sense.
    #[error("the server's login challenge makes no sense: {0}")]
    Malformed(String),
}

impl SaslError {
    /// True where the server broke the rules, as opposed to a login that failed.
    pub fn is_protocol(&self) -> bool {
        matches!(self, Self::TooLong(_) | Self::TooManyRounds | Self::Malformed(_))
    }
}

/// A login under way. Debug output shows no secret.
pub struct Exchange {
    mechanism: Mechanism,
    session: Session<NoValidation, Binding>,
    stage: Stage,
    rounds: usize,
    refusal: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Running,
    /// All that the mechanism wants was said (and, for SCRAM, proven).
    Done,
    /// Over: an error was returned, or OAuth's refusal was acknowledged.
    Broken,
}

impl Exchange {
    /// An exchange by `mechanism` for `user`. `host` and `port` go into OAUTHBEARER.
    ///
    /// `channel_binding`: the data of `tls-exporter`. A -PLUS mechanism needs it. SCRAM without PLUS tells the server with
    /// it "I could have bound, you did not offer it", by which the server finds out that somebody took the offer away; so
    /// give none where the server did offer -PLUS and a setting forces the other.
    pub fn new(
        mechanism: Mechanism,
        user: &str,
        secret: &SecretString,
        host: &str,
        port: u16,
        channel_binding: Option<Vec<u8>>,
    ) -> Result<Self, SaslError> {
        check(mechanism, user, secret.expose_secret())?;
        if mechanism.binds() && channel_binding.is_none() {
            return Err(SaslError::NoBinding(mechanism));
        }
        let answers = Answers {
            mechanism,
            user: user.to_string(),
            secret: secret.clone(),
            host: host.to_string(),
            port: port.to_string(),
            binds: channel_binding.is_some(),
        };
        let unusable = |_| SaslError::Unusable("the login mechanism is not available");
        let config = SASLConfig::builder().with_registry(registry(mechanism)).with_callback(answers).map_err(unusable)?;
        let name = Mechname::parse(mechanism.name().as_bytes()).map_err(|_| SaslError::Unusable("bad mechanism name"))?;
        let session = SASLClient::with_cb(config, Binding(channel_binding)).start_suggested(&[name]).map_err(unusable)?;
        Ok(Self { mechanism, session, stage: Stage::New, rounds: 0, refusal: None })
    }

    /// The mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// What to send first: with the command where the server allows it, else in answer to its first, empty challenge. None
    /// where the server speaks first (LOGIN). Call it once, before any [`step`](Self::step).
    pub fn initial(&mut self) -> Result<Option<Vec<u8>>, SaslError> {
        if self.stage != Stage::New {
            return Err(SaslError::TooManyRounds);
        }
        self.stage = Stage::Running;
        if !self.session.are_we_first() {
            return Ok(None);
        }
        self.ask(None).map(Some)
    }

    /// The answer to a challenge; empty means an empty line, not none. After an error the exchange is over: cancel it with
    /// `*` where the protocol knows that.
    pub fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        self.rounds += 1;
        if challenge.len() > MAX_CHALLENGE {
            return self.broken(SaslError::TooLong(challenge.len()));
        }
        if self.rounds > MAX_ROUNDS || self.stage != Stage::Running {
            // OAuth mechanisms are done after their first message, yet the server may answer it with an error to acknowledge.
            let refuses = self.mechanism.wants_token() && self.stage == Stage::Done && self.rounds <= MAX_ROUNDS;
            if !refuses {
                return self.broken(SaslError::TooManyRounds);
            }
        }
        if self.mechanism.wants_token() {
            return Ok(self.acknowledge(challenge));
        }
        if self.mechanism.is_scram()
            && let Err(error) = check_scram(challenge, self.rounds)
        {
            return self.broken(error);
        }
        self.ask(Some(challenge))
    }

    /// To be called when the server says that the login succeeded, before believing it: SCRAM is complete only when the
    /// server has proven that it knows the password, and OAuth is not where it sent an error before.
    pub fn finished(&self) -> Result<(), SaslError> {
        match self.stage {
            Stage::Done => Ok(()),
            _ if self.mechanism.is_scram() => Err(SaslError::ServerNotProven),
            _ => Err(SaslError::Malformed("success in the middle of the exchange".into())),
        }
    }

    /// What an OAuth server said when it refused (JSON by RFC 7628 §3.2.2): for the words of the error. Not sanitised.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Keeps the server's words and answers as the mechanism demands, so that the server goes on to its tagged refusal:
    /// one %x01 (RFC 7628 §3.2.3), or nothing (XOAUTH2).
    fn acknowledge(&mut self, challenge: &[u8]) -> Vec<u8> {
        self.stage = Stage::Broken;
        self.refusal = Some(String::from_utf8_lossy(challenge).chars().take(QUOTED).collect());
        if self.mechanism == Mechanism::OAuthBearer { vec![1] } else { Vec::new() }
    }

    fn ask(&mut self, challenge: Option<&[u8]>) -> Result<Vec<u8>, SaslError> {
        let mut out = Vec::new();
        match self.session.step(challenge, &mut out) {
            Ok(state) => {
                let quiet = matches!(state, State::Finished(MessageSent::No));
                debug_assert!(!quiet || out.is_empty());
                // The token is all that these say; rsasl would wait for the server's error.
                if state.is_finished() || self.mechanism.wants_token() {
                    self.stage = Stage::Done;
                }
                Ok(out)
            }
            Err(error) => {
                let error = self.explain(&error);
                self.broken(error)
            }
        }
    }

    fn explain(&self, error: &SessionError) -> SaslError {
        match error {
            SessionError::MutualAuthenticationFailed => SaslError::ServerNotProven,
            SessionError::MissingChannelBindingData(_) => SaslError::NoBinding(self.mechanism),
            other => SaslError::Malformed(other.to_string()),
        }
    }

    fn broken<T>(&mut self, error: SaslError) -> Result<T, SaslError> {
        self.stage = Stage::Broken;
        Err(error)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("mechanism", &self.mechanism).field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// What no mechanism can carry, said before anything is sent: a NUL ends PLAIN's fields, %x01 those of OAuth.
fn check(mechanism: Mechanism, user: &str, secret: &str) -> Result<(), SaslError> {
    let control = |text: &str| text.bytes().any(|b| b < b' ' || b == 0x7f);
    if mechanism == Mechanism::External {
        return if control(user) { Err(SaslError::Unusable("the user name holds a control character")) } else { Ok(()) };
    }
    if user.is_empty() {
        return Err(SaslError::Unusable("the user name is empty"));
    }
    if control(user) {
        return Err(SaslError::Unusable("the user name holds a control character"));
    }
    if secret.is_empty() {
        return Err(SaslError::Unusable("the secret is empty"));
    }
    if secret.contains('\0') {
        return Err(SaslError::Unusable("the secret holds a NUL"));
    }
    if mechanism.wants_token() && secret.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(SaslError::Unusable("the access token holds a space or another character that no token has"));
    }
    Ok(())
}

/// The one mechanism alone: rsasl's default set lacks the -PLUS ones and would take SCRAM without binding in their place.
fn registry(mechanism: Mechanism) -> Registry {
    macro_rules! only {
        ($one:expr) => {{
            static ONE: &[Rsasl] = &[$one];
            ONE
        }};
    }
    Registry::with_mechanisms(match mechanism {
        Mechanism::ScramSha256Plus => only!(scram::SCRAM_SHA256_PLUS),
        Mechanism::ScramSha256 => only!(scram::SCRAM_SHA256),
        Mechanism::ScramSha1Plus => only!(scram::SCRAM_SHA1_PLUS),
        Mechanism::ScramSha1 => only!(scram::SCRAM_SHA1),
        Mechanism::OAuthBearer => only!(oauthbearer::OAUTHBEARER),
        Mechanism::XOAuth2 => only!(xoauth2::XOAUTH2),
        Mechanism::Plain => only!(plain::PLAIN),
        Mechanism::Login => only!(login::LOGIN),
        Mechanism::External => only!(external::EXTERNAL),
    })
}

/// Whether a SCRAM challenge has the shape of RFC 5802 §7: rsasl 2.3 panics on attributes shorter than their name. The number
/// of iterations is checked before it is worked through.
fn check_scram(challenge: &[u8], round: usize) -> Result<(), SaslError> {
    let malformed = |why: &str| Err(SaslError::Malformed(why.into()));
    let fields = challenge.split(|b| *b == b',').collect::<Vec<_>>();
    if fields.iter().any(|field| field.len() < 2 || field[1] != b'=') {
        return malformed("it is no list of SCRAM attributes");
    }
    match (round, fields.as_slice()) {
        (_, [error, ..]) if error.starts_with(b"e=") => {
            Err(SaslError::Refused(String::from_utf8_lossy(&error[2..]).chars().take(QUOTED).collect()))
        }
        (1, [nonce, salt, count, ..]) if nonce.starts_with(b"r=") && salt.starts_with(b"s=") => {
            let Some(digits) = count.strip_prefix(b"i=") else { return malformed("there is no SCRAM iteration count") };
            let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
            if number.is_some_and(|number| ITERATIONS.contains(&number)) {
                return Ok(());
            }
            Err(SaslError::Iterations(String::from_utf8_lossy(digits).chars().take(20).collect()))
        }
        (1, _) => malformed("it is not SCRAM's first one"),
        (_, [proof, ..]) if proof.starts_with(b"v=") => Ok(()),
        _ => malformed("it is not SCRAM's last one"),
    }
}

/// Channel binding data for rsasl.
struct Binding(Option<Vec<u8>>);

impl ChannelBindingCallback for Binding {
    fn get_cb_data(&self, name: &str) -> Option<&[u8]> {
        self.0.as_deref().filter(|_| name == "tls-exporter")
    }
}

/// What rsasl asks for.
struct Answers {
    mechanism: Mechanism,
    user: String,
    secret: SecretString,
    host: String,
    port: String,
    binds: bool,
}

impl SessionCallback for Answers {
    fn callback(&self, _: &SessionData, _: &Context<'_>, request: &mut Request<'_>) -> Result<(), SessionError> {
        match self.mechanism {
            Mechanism::OAuthBearer => {
                // rsasl writes the name as it is, the grammar wants a saslname (RFC 5801 §4).
                let name = self.user.replace('=', "=3D").replace(',', "=2C");
                request
                    .satisfy::<AuthzId>(&name)?
                    .satisfy::<OAuthBearerKV>(&[("host", &self.host), ("port", &self.port)])?
                    .satisfy::<OAuthBearerToken>(self.secret.expose_secret())?;
            }
            Mechanism::XOAuth2 => {
                request.satisfy::<AuthId>(&self.user)?.satisfy::<OAuthBearerToken>(self.secret.expose_secret())?;
            }
            Mechanism::External => {
                request.satisfy::<AuthzId>(&self.user)?;
            }
            _ => {
                request.satisfy::<AuthId>(&self.user)?.satisfy::<Password>(self.secret.expose_secret().as_bytes())?;
            }
        }
        Ok(())
    }

    /// With this on, rsasl takes -PLUS, or tells the server that it was not offered.
    fn enable_channel_binding(&self) -> bool {
        self.binds
    }
}

//! The child's side: does what the variables say and prints one line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mailx::app::{Globals, Prompt, Target, account, login};
use mailx::model::{Error, ExposeSecret, Result, SecretString};
use mailx::secret;
use tokio_util::sync::CancellationToken;

/// What to do; nothing when it is not set.
pub const ACTION: &str = "MAILX_TEST_ACTION";
/// The configuration.
pub const CONFIG: &str = "MAILX_TEST_CONFIG";
/// What the line of the result starts with.
pub const MARK: &str = "RESULT: ";

struct Person {
    answer: String,
    agrees: bool,
}

impl Prompt for Person {
    fn secret(&self, _: &str) -> Option<SecretString> {
        Some(SecretString::from(self.answer.as_str()))
    }

    fn confirm(&self, _: &str) -> bool {
        self.agrees
    }
}

pub fn act() {
    let Ok(action) = std::env::var(ACTION) else { return };
    if action == "mute" {
        return mute();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let result = runtime.block_on(run(&action));
    drop(runtime);
    let line = match result {
        Ok(text) => format!("ok {text}"),
        Err(error) => format!("{} {} | {}", error.class.word(), error.failed, error.hints.join(" | ")),
    };
    println!("\n{MARK}{}", line.trim_end());
}

async fn run(action: &str) -> Result<String> {
    let (verb, argument) = action.split_once(' ').unwrap_or((action, ""));
    let person = |agrees| Some(Arc::new(Person { answer: argument.to_owned(), agrees }) as Arc<dyn Prompt>);
    let globals = Globals {
        config: if verb == "accounts-found" { None } else { std::env::var_os(CONFIG).map(PathBuf::from) },
        wait: None,
        silence: Duration::from_mins(1),
        allow_cleartext: false,
        cancel: CancellationToken::new(),
        prompt: match verb {
            "ask-and-store" => person(true),
            "ask-and-forget" => person(false),
            _ => None,
        },
    };
    match verb {
        "login" => login::login(&globals, "a", Some(SecretString::from(argument)), false).await.map(|()| String::new()),
        "delete" => secret::keyring_delete("a").await.map(|there| there.to_string()),
        "accounts" | "accounts-found" => {
            let accounts = account::select(&globals, &Target::Named(Vec::new()))?;
            Ok(accounts.into_iter().map(|account| account.name).collect::<Vec<_>>().join(" "))
        }
        "get-url" => {
            let url = "imaps://me@localhost".to_owned();
            get(&globals, &Target::Url { url, root: None, password_command: None, ca: None, pin: None }, 1).await
        }
        "get-many" => get(&globals, &Target::Named(Vec::new()), 8).await,
        _ => get(&globals, &Target::Named(Vec::new()), 1).await,
    }
}

/// The secret, as `connections` connections ask for it at once.
async fn get(globals: &Globals, target: &Target, connections: usize) -> Result<String> {
    let account = account::select(globals, target)?.into_iter().next().expect("an account");
    let secrets = account::secrets(globals, &account);
    let asking: Vec<_> = (0..connections)
        .map(|_| {
            let secrets = Arc::clone(&secrets);
            tokio::spawn(async move { secrets.secret().await })
        })
        .collect();
    let mut last: Result<String, Box<Error>> = Ok(String::new());
    for one in asking {
        last = one.await.expect("no panic").map(|secret| secret.text.expose_secret().to_owned());
    }
    last
}

/// Owns the name of the Secret Service and answers nothing. Without an object server a connection reads and drops every call.
fn mute() {
    let _connection = zbus::blocking::connection::Builder::session().unwrap().name("org.freedesktop.secrets").unwrap().build().unwrap();
    loop {
        std::thread::park();
    }
}

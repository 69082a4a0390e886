//! A connection to the server: opened, signed in, and spoken over. All that touches the SDK's streams and the credential.

use freehold_sdk::Error;
use freehold_sdk::credential::{self, Secret};
use freehold_sdk::stream::{Buffered, Target};

use crate::config::Settings;
use crate::error;
use crate::publish::Server;
use crate::resp::{self, Answer, Command};

/// The customer's credential.
pub(crate) struct Access {
    username: Option<String>,
    password: Option<Secret>,
    certificate: Option<(String, Secret)>,
}

impl Access {
    pub(crate) fn from_credential() -> Result<Self, Error> {
        let certificate = match credential::optional_text("client_certificate") {
            Some(chain) => Some((chain, credential::field("client_key")?)),
            None => None,
        };
        Ok(Access {
            username: credential::optional_text("username"),
            password: credential::optional_field("password"),
            certificate,
        })
    }
}

/// An open connection, signed in.
pub(crate) struct Session(Buffered);

impl Session {
    /// Connects and signs in.
    pub(crate) fn open(settings: &Settings, access: &Access) -> Result<Self, Error> {
        let mut target = Target::new(&settings.endpoint()).timeout(settings.timeout);
        if let Some(pem) = &settings.ca_certificate {
            target = target.roots(pem);
        }
        if let Some((chain, key)) = &access.certificate {
            target = target.client_certificate(chain, key);
        }
        let mut session = Session(Buffered::new(target.connect()?));
        if let Some(password) = &access.password {
            session.sign_in(access.username.as_deref(), password)?;
        }
        if settings.database != 0 {
            let database = settings.database.to_string();
            let answers = session.ask(&[resp::command(&["SELECT", &database])])?;
            session.expect_none_refused(answers)?;
        }
        Ok(session)
    }

    /// Whether it can be used once more.
    pub(crate) fn is_good(&self) -> bool {
        self.0.is_open()
    }

    fn sign_in(&mut self, username: Option<&str>, password: &Secret) -> Result<(), Error> {
        // Servers before version 6 know no users, only a password.
        let words: Vec<&str> = ["AUTH"].into_iter().chain(username).collect();
        let before = resp::before_secret(&resp::command(&words), password.length());
        self.0.stream().write_secret(&before, password, b"\r\n")?;
        let answer = resp::read(&mut self.0)?;
        self.expect_none_refused(vec![answer])
    }

    fn expect_none_refused(&self, answers: Vec<Answer>) -> Result<(), Error> {
        answers.into_iter().try_for_each(|answer| match answer {
            Answer::Refused(refusal) => Err(error::of(&refusal, "the stream")),
            _ => Ok(()),
        })
    }
}

impl Server for Session {
    fn ask(&mut self, commands: &[Command<'_>]) -> Result<Vec<Answer>, Error> {
        self.0.write(&resp::bytes_of(commands))?;
        let mut answers = Vec::with_capacity(commands.len());
        while answers.len() < commands.len() {
            match resp::read(&mut self.0) {
                Ok(answer) => answers.push(answer),
                // What it said before it went says more than that it went.
                Err(error) => match answers.iter().find(|answer| matches!(answer, Answer::Refused(_))).cloned() {
                    Some(refused) => answers.resize(commands.len(), refused),
                    None => return Err(error),
                },
            }
        }
        Ok(answers)
    }
}

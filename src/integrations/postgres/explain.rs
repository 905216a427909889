//! Failures of a database server in words for people.

use std::io;

use super::connection::Postgres;
use crate::action::ActionError;

/// What went wrong, as far as the server or the network told.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no database of this name.
    NoDatabase,
    /// Something between us and the server keeps sessions to itself.
    Pooler,
    /// No connection, or one that broke off.
    Unreachable(String),
    /// The server said this.
    Server { code: String, message: String },
    /// Anything else.
    Other(String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::Unreachable(plainly(&error)),
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                let message = error.message().to_owned();
                if code == "3D000" {
                    Self::NoDatabase
                } else if message.contains("unsupported startup parameter") {
                    Self::Pooler
                } else {
                    Self::Server { code, message }
                }
            }
            other => Self::Other(other.to_string()),
        }
    }
}

fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the connection broke off".to_owned()
        }
        _ => error.to_string(),
    }
}

impl Postgres {
    /// `what` is an infinitive: `count the rows of orders`.
    pub(super) fn explain(&self, what: &str, failure: Failure) -> ActionError {
        let (name, at) = (self.name(), self.host_and_port());
        let failed = format!("could not {what} on {name}");
        match failure {
            Failure::NoDatabase => {
                ActionError::fatal(format!("{failed}: there is no such database"))
            }
            Failure::Pooler => ActionError::fatal(format!(
                "{failed}: a pooler such as PgBouncer answers at {at}; a dump through one may \
                 leave its sessions changed for others and cannot be trusted; put the server's \
                 own address into {}",
                self.url_source()
            )),
            Failure::Unreachable(why) => ActionError::retryable(format!(
                "{failed}: nothing answers at {at} ({why}); see that the server runs and that the \
                 address in {} is right",
                self.url_source()
            )),
            Failure::Server { code, message } => self.said(&failed, &code, &message),
            Failure::Other(why) => ActionError::fatal(format!("{failed}: {why}")),
        }
    }

    fn said(&self, failed: &str, code: &str, message: &str) -> ActionError {
        match code {
            "28P01" | "28000" => ActionError::fatal(format!(
                "{failed}: it refuses the user `{}` ({message}); put the right user and password into \
                 {} and restart Purser",
                self.user(),
                self.url_source()
            )),
            "42501" => ActionError::fatal(format!(
                "{failed}: the user `{}` may not ({message}); grant it pg_read_all_data",
                self.user()
            )),
            // Starting, stopping, out of connections, terminated, or a lock that is held too long.
            "57P01" | "57P02" | "57P03" | "53300" | "55P03" => {
                ActionError::retryable(format!("{failed}: {message}"))
            }
            _ => ActionError::fatal(format!("{failed}: {message}")),
        }
    }
}

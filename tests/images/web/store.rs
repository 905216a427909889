//! A store of one secret, in memory: whoever has its token may write and read it.

use std::env;
use std::sync::{Mutex, PoisonError};

use crate::held::digest;

static SECRET: Mutex<Option<String>> = Mutex::new(None);

/// The line of a request's head by which it is let in; none, where no token is known.
pub(crate) fn token_line() -> Vec<String> {
    bearer()
        .map(|bearer| format!("Authorization: {bearer}"))
        .into_iter()
        .collect()
}

fn bearer() -> Option<String> {
    let token = env::var("STORE_TOKEN").ok()?;
    Some(format!("Bearer {token}"))
}

/// The status and the body of the answer to a request for a path that begins with `/secret`.
pub(crate) fn answer(
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: &str,
) -> (&'static str, String) {
    if bearer().as_deref() != authorization {
        return ("401 Unauthorized", "no token of this store\n".to_owned());
    }
    let mut secret = SECRET.lock().unwrap_or_else(PoisonError::into_inner);
    let of_it = match (method, path) {
        ("PUT", "/secret") => {
            *secret = Some(body.to_owned());
            return ("204 No Content", String::new());
        }
        ("GET", "/secret") => secret.clone(),
        ("GET", "/secret/digest") => secret.as_deref().map(digest),
        _ => return ("405 Method Not Allowed", String::new()),
    };
    match of_it {
        Some(of_it) => ("200 OK", of_it),
        None => ("404 Not Found", "no secret is kept\n".to_owned()),
    }
}

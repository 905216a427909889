//! Why something failed, where errors of libraries wrap one another.

use std::error::Error;

/// The last cause in the chain: `Connection refused (os error 111)` rather than what wraps it.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// That no HTTP client can be made, and why: its error alone says `builder error`.
pub fn no_client(error: &(dyn Error + 'static)) -> String {
    format!("no HTTP client can be made: {}", innermost(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_client_that_cannot_be_made_says_why() {
        let client = reqwest::Client::builder().user_agent("two\nlines").build();
        let error = client.unwrap_err();
        assert_eq!(error.to_string(), "builder error");
        assert_eq!(
            no_client(&error),
            "no HTTP client can be made: failed to parse header value"
        );
    }
}

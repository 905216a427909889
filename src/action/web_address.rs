//! Where a service of the web is.

use reqwest::Url;

/// The address that a system's `url` is: `http` or `https`, with a host, and nothing in it that is kept
/// apart. `instead_of_login` says where a login is written.
///
/// # Errors
/// What is wrong, and what to write.
pub fn web_address(text: &str, instead_of_login: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| {
            format!("url = \"{text}\" is no address: write http://HOST:PORT or https://HOST/PATH")
        })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the `url` holds a login: write `{instead_of_login}`"
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the `url` must end before any `?` or `#`".to_owned());
    }
    Ok(url)
}

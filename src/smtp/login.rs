//! AUTH (RFC 4954) with PLAIN (RFC 4616) or LOGIN, which is what some servers offer alone.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Error,
    connection::{Connection, Fault},
    error::{Step, told},
};

/// Logs in, if the server offers that at all.
pub(super) async fn log_in(connection: &mut Connection, user: &str, password: &SecretString) -> Result<(), Error> {
    let offered = connection.parameter("AUTH").unwrap_or_default().to_ascii_uppercase();
    let offers = |name: &str| offered.split_whitespace().any(|word| word == name);
    let result = if offers("PLAIN") {
        let secret = format!("\0{user}\0{}", password.expose_secret());
        connection.command(&format!("AUTH PLAIN {}", STANDARD.encode(secret)), 2).await.map(drop)
    } else if offers("LOGIN") {
        login(connection, user, password).await
    } else {
        Ok(())
    };
    result.map_err(|fault| told(Step::Login, fault))
}

async fn login(connection: &mut Connection, user: &str, password: &SecretString) -> Result<(), Fault> {
    connection.command("AUTH LOGIN", 3).await?;
    connection.command(&STANDARD.encode(user), 3).await?;
    connection.command(&STANDARD.encode(password.expose_secret()), 2).await.map(drop)
}

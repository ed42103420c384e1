//! Sending mail: one finished message at a time over SMTP submission (RFC 5321, RFC 6409), with the user's own login. The message flows
//! from its pieces to the server; every exchange is bounded in time and size. Nothing in here knows what the message says.

mod address;
mod connection;
mod error;
mod login;
mod reply;
mod settings;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use secrecy::SecretString;

pub use address::Address;
pub use error::{Error, Sent};
pub use settings::{Settings, Tls};

use crate::spool::Pieces;
use connection::{Connection, Fault};
use error::{Step, told};
use text::Text;

/// Recipients that are named in one go where the server takes several commands at once (RFC 2920).
const BATCH: usize = 50;

/// The server may think about a whole message for so many times the usual limit: that is when it looks for viruses.
const PATIENCE: u32 = 10;

/// A finished message and where it goes.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Header and body; line ends are corrected on the way.
    pub message: Pieces,
    /// What one recipient that is not taken means for the others.
    pub rule: Rule,
}

/// What one recipient that is not taken means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: they get the message.
    Each,
    /// Nobody gets the message, so that it can be corrected and sent again.
    All,
}

/// Who sends: the login of the phone.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name as Horde knows it.
    pub user: String,
    /// Password.
    pub password: SecretString,
}

/// Sends a message to all of its recipients in one go.
///
/// # Errors
/// See [`Error`]; with all but [`Error::Uncertain`] nobody gets the message.
pub async fn send(settings: &Settings, login: &Login, mail: &Mail) -> Result<Sent, Error> {
    if !settings.is_on() {
        return Err(Error::NoServer);
    }
    let server = settings.server().map_err(Error::Later)?;
    let from: Address = mail.from.parse().map_err(|e| Error::Sender(format!("{:?}: {e}", mail.from)))?;
    let limit = Duration::from_secs(settings.timeout.max(1));
    let opening = Connection::open(&server, from.domain(), limit);
    let (text, connection) = tokio::join!(Text::measured(&mail.message), opening);
    let (text, mut connection) = (text.map_err(unread)?, connection?);
    let (user, password) = settings.credentials(&login.user, &login.password);
    let result = match login::log_in(&mut connection, &user, &password).await {
        Ok(()) => deliver(&mut connection, &from, mail, &text).await,
        Err(error) => Err(error),
    };
    connection.quit();
    result
}

fn unread(error: std::io::Error) -> Error {
    Error::Later(format!("the message cannot be read: {error}"))
}

async fn deliver(connection: &mut Connection, from: &Address, mail: &Mail, text: &Text) -> Result<Sent, Error> {
    let (to, mut sent) = recipients(connection, mail);
    if mail.rule == Rule::All && !sent.is_complete() {
        return Err(Error::Recipients(sent));
    }
    let command = sender(connection, from, &to, text)?;
    connection.command(&command, 2).await.map_err(|fault| told(Step::Sender, fault))?;
    let batch = if connection.offers("PIPELINING") { BATCH } else { 1 };
    let mut taken = 0;
    for batch in to.chunks(batch) {
        let commands: Vec<String> = batch.iter().map(|address| format!("RCPT TO:<{address}>")).collect();
        for (address, answer) in batch.iter().zip(connection.commands(&commands).await.map_err(lost)?) {
            let name = address.to_string();
            match answer.class() {
                2 => taken += 1,
                5 => sent.refused.push((name, answer.to_string())),
                _ => sent.later.push(name),
            }
        }
    }
    if taken == 0 || mail.rule == Rule::All && !sent.is_complete() {
        return Err(Error::Recipients(sent));
    }
    connection.command("DATA", 3).await.map_err(|fault| told(Step::Data, fault))?;
    connection.message(text).await?;
    Ok(sent)
}

fn lost(fault: Fault) -> Error {
    told(Step::Data, fault)
}

/// The recipients that can be named to this server.
fn recipients(connection: &Connection, mail: &Mail) -> (Vec<Address>, Sent) {
    let (mut to, mut sent) = (Vec::new(), Sent::default());
    for name in &mail.to {
        match name.parse::<Address>() {
            Ok(address) if address.is_ascii() || connection.offers("SMTPUTF8") => to.push(address),
            Ok(_) => sent.refused.push((name.clone(), "the server takes ASCII addresses only".to_owned())),
            Err(e) => sent.refused.push((name.clone(), e)),
        }
    }
    (to, sent)
}

/// MAIL with what this server wants to know (RFC 1870, RFC 6152, RFC 6531).
fn sender(connection: &Connection, from: &Address, to: &[Address], text: &Text) -> Result<String, Error> {
    let mut command = format!("MAIL FROM:<{from}>");
    if let Some(most) = connection.parameter("SIZE") {
        if most.parse().is_ok_and(|most: u64| most > 0 && most < text.len()) {
            return Err(Error::TooLarge(format!("{} bytes; the server takes {most}", text.len())));
        }
        command.push_str(&format!(" SIZE={}", text.len()));
    }
    // Without the extension the bytes go as they are: servers that clear the eighth bit have died out, those that hide the extension have not.
    if text.is_eight_bit() && connection.offers("8BITMIME") {
        command.push_str(" BODY=8BITMIME");
    }
    if !from.is_ascii() && !connection.offers("SMTPUTF8") {
        return Err(Error::Sender(format!("{from}: the server takes ASCII addresses only")));
    }
    if !from.is_ascii() || to.iter().any(|address| !address.is_ascii()) {
        command.push_str(" SMTPUTF8");
    }
    Ok(command)
}

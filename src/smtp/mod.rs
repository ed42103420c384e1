//! Sending mail: one finished message at a time over SMTP submission, with the user's own login. Every exchange is bounded in time and
//! size; nothing in here knows what the message says.

mod line;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lettre::{
    Address,
    transport::smtp::{
        Error as Fault,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail as MailCommand, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Severity,
    },
};
use secrecy::{ExposeSecret, SecretString};

use settings::Server;
pub use settings::{Settings, Tls};

/// Longest time to build up a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// LOGIN is what some servers offer alone.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// A finished message and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Header and body, CRLF line ends.
    pub message: Vec<u8>,
}

/// Who sends: the login of the phone.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name as Horde knows it.
    pub user: String,
    /// Password.
    pub password: SecretString,
}

/// The server has taken the message for at least one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Recipients that the server does not take at all, with its words.
    pub refused: Vec<(String, String)>,
    /// Recipients that may be tried again.
    pub later: Vec<String>,
}

/// Why a message was not sent. The texts are for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No server, no time, trouble on the way: try again later.
    Later(String),
    /// The server does not accept the login.
    Login(String),
    /// The server does not take any of the recipients; it may take some of them later.
    Recipients(Sent),
    /// The server will never take this message.
    Refused(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Later(text) => write!(f, "not sent for now: {text}"),
            Self::Login(text) => write!(f, "login not accepted: {text}"),
            Self::Recipients(Sent { refused, later }) => {
                write!(f, "no recipient accepted ({} for good, {} for now)", refused.len(), later.len())?;
                refused.iter().try_for_each(|(address, words)| write!(f, "; {address}: {words}"))
            }
            Self::Refused(text) => write!(f, "refused: {text}"),
        }
    }
}

impl std::error::Error for Error {}

/// Sends a message to all of its recipients in one go.
///
/// # Errors
/// See [`Error`]. When the answer to the message is lost it is [`Error::Later`] although the server may have taken it.
pub async fn send(settings: &Settings, login: &Login, mail: &Mail) -> Result<Sent, Error> {
    let time = Duration::from_secs(settings.timeout);
    match tokio::time::timeout(time, deliver(settings, login, mail)).await {
        Ok(result) => result,
        Err(_) => Err(Error::Later(format!("no end after {} s", settings.timeout))),
    }
}

async fn deliver(settings: &Settings, login: &Login, mail: &Mail) -> Result<Sent, Error> {
    if !settings.is_on() {
        return Err(Error::Later("there is no mail server (option --smtp, or url in [smtp])".to_owned()));
    }
    let server = settings.server().map_err(Error::Later)?;
    let from = mail.from.parse::<Address>().map_err(|e| Error::Refused(format!("sender {:?}: {e}", mail.from)))?;
    let mut connection = connect(&server, &ClientId::Domain(from.domain().to_owned())).await?;
    let result = converse(&mut connection, settings, login, mail, from).await;
    // Says QUIT; what becomes of that changes nothing.
    let _ = tokio::time::timeout(Duration::from_secs(2), connection.abort()).await;
    result
}

async fn connect(server: &Server, hello: &ClientId) -> Result<AsyncSmtpConnection, Error> {
    let parameters =
        || TlsParameters::new(server.host.clone()).map_err(|e| Error::Later(format!("TLS cannot be set up: {e}")));
    let address = (server.host.as_str(), server.port);
    if server.wrapped {
        let tls = Some(parameters()?);
        return AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), hello, tls, None).await.map_err(later);
    }
    let tcp = tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(address)).await;
    let tcp = tcp
        .map_err(|_| Error::Later("no connection in time".to_owned()))
        .and_then(|tcp| tcp.map_err(|e| Error::Later(format!("{}:{}: {e}", server.host, server.port))))?;
    let stream = line::Bounded::new(tcp, server.starttls);
    let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello).await.map_err(later)?;
    if server.starttls {
        if !connection.can_starttls() {
            return Err(Error::Later("the server offers no STARTTLS (option tls in [smtp])".to_owned()));
        }
        connection.starttls(parameters()?, hello).await.map_err(later)?;
    }
    Ok(connection)
}

async fn converse(
    connection: &mut AsyncSmtpConnection,
    settings: &Settings,
    login: &Login,
    mail: &Mail,
    from: Address,
) -> Result<Sent, Error> {
    if MECHANISMS.iter().any(|mechanism| connection.server_info().supports_auth_mechanism(*mechanism)) {
        let (user, password) = settings.credentials(&login.user, &login.password);
        let credentials = Credentials::new(user, password.expose_secret().to_owned());
        connection
            .auth(&MECHANISMS, &credentials)
            .await
            .map_err(|e| if e.is_permanent() { Error::Login(e.to_string()) } else { later(e) })?;
    }
    let (to, mut sent) = recipients(connection, mail);
    connection.command(MailCommand::new(Some(from), parameters(connection, mail)?)).await.map_err(told)?;
    let mut taken = 0_usize;
    for address in to {
        let name = address.to_string();
        match connection.command(Rcpt::new(address, Vec::new())).await {
            Ok(_) => taken += 1,
            Err(e) if e.is_permanent() => sent.refused.push((name, e.to_string())),
            Err(e) if e.is_transient() => sent.later.push(name),
            Err(e) => return Err(later(e)),
        }
    }
    if taken == 0 {
        return Err(Error::Recipients(sent));
    }
    connection.command(Data).await.map_err(told)?;
    connection.message(&mail.message).await.map_err(told)?;
    Ok(sent)
}

/// The recipients that can be named to this server.
fn recipients(connection: &AsyncSmtpConnection, mail: &Mail) -> (Vec<Address>, Sent) {
    let (mut to, mut sent) = (Vec::new(), Sent::default());
    for name in &mail.to {
        match name.parse::<Address>() {
            Ok(address) if name.is_ascii() || connection.server_info().supports_feature(Extension::SmtpUtfEight) => {
                to.push(address);
            }
            Ok(_) => sent.refused.push((name.clone(), "the server takes ASCII addresses only".to_owned())),
            Err(e) => sent.refused.push((name.clone(), e.to_string())),
        }
    }
    (to, sent)
}

fn parameters(connection: &AsyncSmtpConnection, mail: &Mail) -> Result<Vec<MailParameter>, Error> {
    let offers = |extension| connection.server_info().supports_feature(extension);
    let mut parameters = Vec::new();
    if !mail.from.is_ascii() || mail.to.iter().any(|to| !to.is_ascii()) && offers(Extension::SmtpUtfEight) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.message.is_ascii() {
        if !offers(Extension::EightBitMime) {
            return Err(Error::Refused("the message is 8-bit and the server takes 7-bit only".to_owned()));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

fn later(fault: Fault) -> Error {
    Error::Later(words(&fault))
}

/// What a refusal of a command about this message means.
fn told(fault: Fault) -> Error {
    match fault.status().map(|code| code.severity) {
        Some(Severity::PermanentNegativeCompletion) => Error::Refused(words(&fault)),
        _ => later(fault),
    }
}

/// The fault with its causes: "Connection error: invalid peer certificate".
fn words(fault: &Fault) -> String {
    use std::error::Error as _;
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

//! FastCGI responder: records ([`take_record`]), name-value pairs ([`read_pairs`]), and the life of a connection with the requests that
//! run on it, several at a time.

mod connection;
mod pairs;
mod record;
mod tasks;
mod writer;

pub use connection::serve_connection;
pub use pairs::{put_pair, read_pairs};
pub use record::{NotFastCgi, Record, take_record};

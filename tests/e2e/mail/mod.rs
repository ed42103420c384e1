//! Mail, end to end: each test reads back through IMAP what the phone did, and lets the phone see what others did.

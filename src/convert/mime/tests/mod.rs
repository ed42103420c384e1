//! Messages as wholes: the corpus, what phones get of it, any bytes.

pub(super) mod corpus;
mod form;

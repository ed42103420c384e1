//! Messages as wholes: the corpus, what phones get of it, any bytes.

mod corpus;
mod form;

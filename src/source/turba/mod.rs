//! stub
use super::*;
/// stub
#[derive(Debug, Clone, Default)]
pub struct Shared;
/// stub
#[derive(Debug)]
pub struct Turba;
impl Turba {
    /// stub
    pub fn new(_s: crate::horde::Session, _b: crate::state::Beside, _s2: &Shared) -> Self {
        Self
    }
}
impl Source for Turba {
    fn class(&self) -> Class {
        Class::Contacts
    }
    async fn containers(&self) -> Result<Vec<Container>, Error> {
        Ok(vec![])
    }
    async fn cursor(&self, _c: &str) -> Result<u64, Error> {
        Ok(0)
    }
    async fn changes(&self, _c: &str, _f: u64, _t: u64) -> Result<Changes, Error> {
        Ok(Default::default())
    }
    async fn list(&self, _c: &str) -> Result<Vec<String>, Error> {
        Ok(vec![])
    }
    async fn fetch(&self, _c: &str, _u: &[String], _a: &[String]) -> Result<Vec<Fetched>, Error> {
        Ok(vec![])
    }
    async fn add(&self, _c: &str, _w: &str, _i: &Properties) -> Result<String, Error> {
        Ok(String::new())
    }
    async fn change(&self, _c: &str, _u: &str, _p: &Patch) -> Result<(), Error> {
        Ok(())
    }
    async fn delete(&self, _c: &str, _u: &str) -> Result<(), Error> {
        Ok(())
    }
}

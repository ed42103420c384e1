//! What is remembered for all users of a site between calls: contacts that were read ahead, and the layout of address books.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::table::Layout;
use crate::source::cache;

/// How long the layout of an address book is believed.
const LAYOUT_FOR: Duration = Duration::from_secs(600);

/// The shared memory of one Horde site. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub(super) rows: cache::Shared,
    pub(super) layouts: Layouts,
}

impl Shared {
    /// An empty memory, for one site.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Layouts by address book.
#[derive(Debug, Clone, Default)]
pub(super) struct Layouts {
    inner: Arc<Mutex<HashMap<String, (Instant, Arc<Layout>)>>>,
}

impl Layouts {
    pub(super) fn get(&self, book: &str) -> Option<Arc<Layout>> {
        let layouts = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        layouts.get(book).filter(|(at, _)| at.elapsed() < LAYOUT_FOR).map(|(_, layout)| layout.clone())
    }

    pub(super) fn set(&self, book: &str, layout: Layout) -> Arc<Layout> {
        let layout = Arc::new(layout);
        let mut layouts = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        layouts.retain(|_, (at, _)| at.elapsed() < LAYOUT_FOR);
        layouts.insert(book.to_owned(), (Instant::now(), layout.clone()));
        layout
    }
}

//! One source for all classes: a class more is a line more.

use super::{
    Changed, Changes, Container, Error, Fetched, Source, Want,
    app::{self, App, Listing},
    imp, kronolith, mnemo, nag, turba,
};
use crate::{
    horde::Session,
    imap,
    proto::class::{Class, Patch, Properties, Scope},
    state::Beside,
    wbxml::Tag,
};

/// What is remembered of the applications for all users of a site.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    apps: app::Shared,
    mail: imp::Shared,
}

impl Shared {
    /// Nothing yet; mail is read as these settings say.
    pub fn new(imap: imap::Settings) -> Self {
        Self { apps: app::Shared::default(), mail: imp::Shared::new(imap) }
    }

    /// Gives back what has expired. To be called now and then.
    pub fn sweep(&self) {
        self.apps.sweep();
    }

    /// What is remembered of mail.
    pub fn mail(&self) -> &imp::Shared {
        &self.mail
    }
}

macro_rules! sources {
    ($($class:ident($module:ident::$source:ident, $shared:ident) = $api:literal;)*) => {
        /// The application of a class as one user sees it.
        #[derive(Debug, Clone)]
        #[allow(missing_docs)]
        pub enum Any {
            $($class($module::$source),)*
        }

        impl Any {
            /// The classes that are served, with the name of the interface that Horde's application for it has.
            pub const SERVED: &'static [(Class, &'static str)] = &[$((Class::$class, $api),)*];

            /// What the user of `session` sees of a class. `beside` is that user's for the class.
            pub fn new(class: Class, session: Session, beside: Beside, shared: &Shared) -> Self {
                match class {
                    $(Class::$class => Self::$class($module::$source::new(session, beside, &shared.$shared)),)*
                }
            }
        }

        impl Source for Any {
            fn class(&self) -> Class {
                match self { $(Self::$class(_) => Class::$class,)* }
            }

            async fn containers(&self) -> Result<Vec<Container>, Error> {
                match self { $(Self::$class(source) => source.containers().await,)* }
            }

            async fn cursor(&self, container: &str) -> Result<u64, Error> {
                match self { $(Self::$class(source) => source.cursor(container).await,)* }
            }

            async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
                match self { $(Self::$class(source) => source.cursors(containers).await,)* }
            }

            async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
                match self { $(Self::$class(source) => source.changes(container, from, to).await,)* }
            }

            async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
                match self { $(Self::$class(source) => source.list(container, scope).await,)* }
            }

            async fn look(&self, container: &str, scope: Scope) -> Result<(u64, Vec<String>), Error> {
                match self { $(Self::$class(source) => source.look(container, scope).await,)* }
            }

            async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
                match self { $(Self::$class(source) => source.fetch(container, uids, ahead).await,)* }
            }

            async fn fetch_for(
                &self,
                container: &str,
                uids: &[String],
                ahead: &[String],
                want: Want<'_>,
            ) -> Result<Vec<Fetched>, Error> {
                match self { $(Self::$class(source) => source.fetch_for(container, uids, ahead, want).await,)* }
            }

            async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
                match self { $(Self::$class(source) => source.add(container, wish, item).await,)* }
            }

            async fn uid_of(&self, container: &str, wish: &str) -> Result<String, Error> {
                match self { $(Self::$class(source) => source.uid_of(container, wish).await,)* }
            }

            fn grants_uids(&self) -> bool {
                match self { $(Self::$class(source) => source.grants_uids(),)* }
            }

            fn filled_in(&self) -> &'static [Tag] {
                match self { $(Self::$class(source) => source.filled_in(),)* }
            }

            async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
                match self { $(Self::$class(source) => source.change(container, uid, patch).await,)* }
            }

            async fn revise(&self, container: &str, uid: &str, patch: &Patch) -> Result<Changed, Error> {
                match self { $(Self::$class(source) => source.revise(container, uid, patch).await,)* }
            }

            async fn discard(&self, container: &str, uid: &str, for_good: bool) -> Result<(), Error> {
                match self { $(Self::$class(source) => source.discard(container, uid, for_good).await,)* }
            }

            async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
                match self { $(Self::$class(source) => source.delete(container, uid).await,)* }
            }
        }
    };
}

/// What one application says of its containers.
type Listed = Result<Vec<Container>, Error>;

impl Any {
    fn app(&self) -> Option<&App> {
        match self {
            Self::Email(_) => None,
            Self::Contacts(source) => Some(&source.app),
            Self::Calendar(source) => Some(&source.app),
            Self::Tasks(source) => Some(&source.app),
            Self::Notes(source) => Some(&source.app),
        }
    }

    /// The containers of several applications of one user, in one PHP request where the site allows it; mail is not asked. With `then_read`
    /// what else is needed to read them is asked, too.
    ///
    /// # Errors
    /// The site cannot be asked at all; what a single application says is in its result.
    pub async fn containers_of(sources: &[Self], then_read: bool) -> Result<Vec<(Class, Listed)>, Error> {
        let apps: Vec<(&Self, &App)> = sources.iter().filter_map(|any| Some((any, any.app()?))).collect();
        let Some((_, one)) = apps.first() else { return Ok(Vec::new()) };
        let listings: Vec<Listing> = apps.iter().map(|(_, app)| app.listing()).collect();
        let (firsts, others): (Vec<_>, Vec<_>) = listings.into_iter().map(|one| (one.first, one.then)).unzip();
        let zone = if then_read { one.zone_question() } else { None };
        let phases = vec![firsts, others.into_iter().flatten().chain(zone).collect()];
        let mut phases = one.session.sweep(phases).await.map_err(app::fault::of_site)?.into_iter().map(Vec::into_iter);
        let (mut first, mut then) = (phases.next().unwrap_or_default(), phases.next().unwrap_or_default());
        let lists = apps
            .iter()
            .map(|(any, app)| (any.class(), app.listed(&mut first, &mut then).map(|list| any.own(list))))
            .collect();
        one.take_zone(then.next());
        Ok(lists)
    }

    /// What an application makes of the list of its containers.
    fn own(&self, list: Vec<Container>) -> Vec<Container> {
        match self {
            Self::Contacts(_) => turba::Turba::served(list),
            Self::Calendar(source) => source.seen(list),
            Self::Email(_) | Self::Tasks(_) | Self::Notes(_) => list,
        }
    }
}

sources! {
    Email(imp::Imp, mail) = "mail";
    Contacts(turba::Turba, apps) = "contacts";
    Calendar(kronolith::Kronolith, apps) = "calendar";
    Tasks(nag::Nag, apps) = "tasks";
    Notes(mnemo::Mnemo, apps) = "notes";
}

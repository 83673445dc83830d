//! One page: everything is looked at when it is asked for.

use actix_web::web::Data;

use super::access::{Holder, Oversight};
use super::door::Address;
use super::finding::Finding;
use super::front::Seen;
use super::lookout::Lookout;
use super::views::{Acts, PosturePage, Section};
use super::{access, database, door, files, notices, own_pack, secrets, settings};
use crate::features::notify::store::outbox;
use crate::features::packs::own;
use crate::features::people;
use crate::features::watched::store as signs;
use crate::foundation::Services;
use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::{Log, store as log};
use crate::foundation::auth::{Permission, Signed, break_glass, factors, grants, keys, roster};
use crate::foundation::config::Mode;
use crate::foundation::db::{self, Conn, inspect};
use crate::foundation::rotation;
use crate::foundation::web::{self, Chrome, Nav, block, page};

/// Acts on the command line that are shown; the audit log has them all.
const ACTS_SHOWN: usize = 20;

pub async fn show(signed: Signed, services: Data<Services>, lookout: Data<Lookout>) -> web::Result {
    let seen = lookout.front(&services).await;
    let passwords = lookout.passwords(&services).await;
    let view = block(move || {
        let found = services
            .db
            .read(|conn| Found::read(conn, &services, &signed))?;
        let chrome = Chrome::new(&signed, &services, "Security posture", Nav::Posture);
        let acts = Acts::new(found.acts.as_deref(), signed.watch().is_whole_log());
        let sections = sections(&services, &seen, passwords, found);
        Ok::<_, web::Error>(PosturePage::new(chrome, sections, acts))
    })
    .await?;
    page(&view)
}

/// What the database knew.
struct Found {
    people: Vec<Finding>,
    keys: Vec<Finding>,
    database: Vec<Finding>,
    notices: Finding,
    watcher: Finding,
    own_pack: Finding,
    /// The newest acts on the command line; `None` for whoever may not read the log.
    acts: Option<Vec<EventRow>>,
}

impl Found {
    fn read(conn: &mut Conn, services: &Services, signed: &Signed) -> Result<Self, web::Error> {
        let now = services.clock.now();
        let is_private = services.config.database.app_url.is_none();
        let inspection = inspect::look(conn).map_err(web::Error::internal)?;
        let mut database = database::guards(&inspection, is_private);
        database.push(database::sealed(log::waiting_since(conn, Log::Main)?, now));
        let oversight = Oversight {
            review_overdue: people::review::is_overdue(conn, now)?,
            unreviewed_uses: break_glass::unreviewed(conn)?.len(),
            is_demo: services.config.mode == Mode::Demo,
        };
        let watch = signed.watch();
        let dates = (watch.log_from, watch.log_until);
        Ok(Self {
            people: access::people(&holders(conn, services)?, oversight, now),
            keys: access::keys(&keys::list(conn, now)?, now),
            database,
            watcher: notices::watcher(
                &services.config.notices,
                signs::standing(conn)?.as_ref(),
                now,
            ),
            own_pack: own_pack::judge(&own::standing(conn)?),
            notices: notices::outbox(&services.config.notices, &outbox::health(conn, now)?, now),
            acts: signed
                .may(Permission::AuditRead)
                .then(|| log::command_line_acts(conn, dates, ACTS_SHOWN))
                .transpose()?,
        })
    }
}

fn holders(conn: &mut Conn, services: &Services) -> db::Result<Vec<Holder>> {
    let everybody = roster::everybody(conn)?;
    let ids: Vec<_> = everybody.iter().map(|person| person.id).collect();
    let mut held = grants::of_all(conn, &ids)?;
    let mut standing = roster::standing(conn, &ids, services.clock.now())?;
    let sealed = break_glass::accounts(conn)?;
    let links = factors::with_links(conn, services.clock.now())?;
    Ok(everybody
        .into_iter()
        .map(|person| Holder {
            held: held.remove(&person.id).unwrap_or_default(),
            standing: standing.remove(&person.id).unwrap_or_default(),
            is_break_glass: sealed.contains(&person.id),
            has_link: links.contains(&person.id),
            person,
        })
        .collect())
}

fn sections(
    services: &Services,
    seen: &Seen,
    passwords: Vec<Finding>,
    found: Found,
) -> Vec<Section> {
    let config = &services.config;
    let now = services.clock.now();
    let address = Address {
        is_https: config.web.is_https(),
        is_loopback: config.web.is_loopback(),
    };
    let mut front_door = door::judge(seen, address, now);
    front_door.push(settings::rates(config));
    front_door.extend(settings::proxies(config));
    front_door.push(settings::metrics(config));

    let mut keys = found.keys;
    keys.extend(secrets::encryption(&rotation::keys(services), now));
    keys.extend(passwords);
    keys.extend(files::folder(&config.data_dir));
    keys.extend(files::secrets(config));

    let program = vec![
        found.notices,
        found.watcher,
        found.own_pack,
        settings::logs(config),
        settings::age(settings::built_at(), now),
    ];
    vec![
        Section::new("The front door", front_door),
        Section::new("People and what they hold", found.people),
        Section::new("Keys and secrets", keys),
        Section::new("The database and the audit log", found.database),
        Section::new("The program", program),
    ]
}

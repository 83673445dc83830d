use actix_web::web::{Data, Query};

use crate::features::people::views::{Filter, Found, List, Names};
use crate::features::people::{review, store};
use crate::foundation::Services;
use crate::foundation::auth::{Signed, break_glass, grants, roster};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Chrome, Nav, block, page};

pub async fn list(services: Data<Services>, signed: Signed, filter: Query<Filter>) -> web::Result {
    let filter = filter.into_inner();
    let view = block(move || {
        let cursor = Some(filter.cursor.as_str())
            .filter(|cursor| !cursor.is_empty())
            .map(Cursor::<String>::decode)
            .transpose()?;
        let now = services.clock.now();
        let found = services.db.read(|conn| {
            let people = roster::page(conn, &filter.wanted(), cursor.as_ref())?;
            let ids: Vec<PersonId> = people.items.iter().map(|person| person.id).collect();
            let waiting = store::waiting(conn, None, now)?;
            let named = waiting
                .iter()
                .flat_map(|one| [one.standing.person, one.standing.proposed_by]);
            Ok::<_, web::Error>(Found {
                grants: grants::of_all(conn, &ids)?,
                standing: roster::standing(conn, &ids, now)?,
                names: Names::load(conn, named, [])?,
                uses: break_glass::unreviewed(conn)?,
                review_overdue: review::is_overdue(conn, now)?,
                able_administrators: grants::able_administrators(conn, now)?.len(),
                waiting,
                people,
            })
        })?;
        let chrome = Chrome::new(&signed, &services, "People", Nav::People);
        Ok::<_, web::Error>(List::new(chrome, &signed, filter, found))
    })
    .await?;
    page(&view)
}

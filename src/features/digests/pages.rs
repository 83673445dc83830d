use actix_web::web::{Data, Path, Query};

use super::digest::{Digest, DigestId};
use super::store;
use super::views::{List, One, Row};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::paging::{FETCHED, Older};
use crate::foundation::web::{self, Chrome, Nav, block, page};

/// `GET /digests`: what days and weeks came to, the last first.
pub async fn list(signed: Signed, services: Data<Services>, older: Query<Older>) -> web::Result {
    let view = block(move || {
        let before = older.before()?;
        services.db.read(|conn| {
            let platforms = packs::platforms(conn)?;
            let mut all = store::all(conn, &signed.view(), before, FETCHED)?;
            let place = |it: &Digest| (it.period.to, it.id.uuid());
            let next = Older::cut(&mut all, "/digests", place);
            let row = |digest: &Digest| {
                let platform = platforms.iter().find(|it| it.id == digest.platform);
                Row::of(digest, platform)
            };
            Ok::<_, web::Error>(List {
                next,
                rows: all.iter().map(row).collect(),
                chrome: Chrome::new(&signed, &services, "Digests", Nav::Checklists),
            })
        })
    })
    .await?;
    page(&view)
}

/// `GET /digests/{id}`: one of them, with what it was before.
pub async fn one(signed: Signed, services: Data<Services>, id: Path<DigestId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        services.db.read(|conn| {
            let digest = store::one(conn, id)?;
            if !signed.reach().allows(digest.platform) {
                return Err(web::Error::NotFound);
            }
            let before = store::last(conn, digest.platform, digest.kind, digest.period.from)?;
            let platforms = packs::platforms(conn)?;
            let platform = platforms.iter().find(|it| it.id == digest.platform);
            let chrome = Chrome::new(&signed, &services, "Digest", Nav::Checklists);
            Ok(One::of(chrome, &digest, before.as_ref(), platform))
        })
    })
    .await?;
    page(&view)
}

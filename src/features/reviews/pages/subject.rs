//! The page of a subject: what is known, how the risk stands, and which cases there were.

use actix_web::web::{Data, Path};

use crate::features::intake;
use crate::features::reviews::case::KIND;
use crate::features::reviews::store::{assessments, queue};
use crate::features::reviews::views::SubjectPage;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::SubjectId;
use crate::foundation::web::{self, Chrome, Nav, block};

pub async fn subject(services: Data<Services>, signed: Signed, id: Path<SubjectId>) -> web::Result {
    let id = id.into_inner();
    let page = block(move || {
        let platform = services
            .db
            .read(|conn| intake::store::platform_of(conn, id))?;
        let platform = platform.filter(|platform| signed.reach().allows(*platform));
        let platform = platform.ok_or(web::Error::NotFound)?;
        let record = intake::actions::subject(&services, &signed, id)?;
        let record = record.ok_or(web::Error::NotFound)?;
        let title = match &record.personal {
            Some(personal) => personal.name.clone(),
            None => "Erased subject".to_owned(),
        };
        let chrome = Chrome::new(&signed, &services, title, Nav::Subjects);
        let now = services.clock.now();
        services.db.read(|conn| {
            let platforms = intake::store::platforms(conn)?;
            let name = platforms.into_iter().find(|known| known.id == platform);
            let may_review =
                signed.may_at(Permission::ReviewsRead, platform) && signed.watch().sees_queue(KIND);
            let cases = if may_review {
                queue::of_subject(conn, id)?
            } else {
                Vec::new()
            };
            Ok::<_, web::Error>(SubjectPage::new(
                chrome,
                name.map(|known| known.name).unwrap_or_default(),
                intake::store::batches_of(conn, &services.keyring, id)?,
                assessments::of_subjects(conn, &[id])?.remove(&id),
                &cases,
                record,
                now,
            ))
        })
    })
    .await?;
    web::page(&page)
}

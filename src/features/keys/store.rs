use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::db::schema::platform;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;

/// Platforms by name.
pub fn platforms(conn: &mut Conn) -> db::Result<Vec<(PlatformId, String)>> {
    let rows: Vec<(Uuid, String)> = platform::table
        .order(platform::name)
        .select((platform::id, platform::name))
        .load(conn)?;
    let read = rows.into_iter().map(|(id, name)| (id.into(), name));
    Ok(read.collect())
}

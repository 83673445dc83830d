//! The system user that PostgreSQL runs as. It refuses root, so root hands it to someone else.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{ClusterError, io};

/// Someone who is not root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// Nothing when we are not root and PostgreSQL can simply run as us.
    pub fn for_server() -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(io("could not read /etc/passwd"))?;
        let account = ["postgres", "nobody"]
            .iter()
            .find_map(|name| find(&passwd, name));
        account.map(Some).ok_or(ClusterError::NoAccount)
    }

    /// Whether this user gets as far as `path`: every folder above it, and itself, lets them through.
    pub fn can_enter(&self, path: &Path) -> bool {
        path.ancestors()
            .all(|folder| fs::metadata(folder).is_ok_and(|meta| self.may_search(&meta)))
    }

    fn may_search(&self, meta: &Metadata) -> bool {
        let bit = if meta.uid() == self.uid {
            0o100
        } else if meta.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        meta.mode() & bit != 0
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
                          nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
                          toor:x:0:0::/:/bin/sh\n";

    #[test]
    fn reads_uid_and_gid() {
        assert_eq!(
            find(PASSWD, "nobody"),
            Some(Account {
                uid: 65534,
                gid: 65533
            })
        );
        assert_eq!(find(PASSWD, "postgres"), None);
    }

    #[test]
    fn another_name_of_root_does_not_count() {
        assert_eq!(find(PASSWD, "toor"), None);
    }

    #[test]
    fn a_closed_parent_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let stranger = Account {
            uid: 54_321,
            gid: 54_321,
        };
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!stranger.can_enter(&inner));
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(stranger.can_enter(&inner));
    }
}

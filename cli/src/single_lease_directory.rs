//! A directory with a lease in it: for a command that runs, or for the steps of a CI job.
//!
//! | File | Content |
//! |---|---|
//! | `lease` | the id |
//! | `token` | the token, which clients read again when it is renewed |
//! | `kubeconfig` | the cluster, and the name of the file `token` |

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{self, Path, PathBuf};

use kubelease_client::{ClusterAddress, IssuedLease, LeaseId, Token};

use crate::failure::Failure;
use crate::{kubeconfig, private_file};

/// A directory of mode 0700 whose files have mode 0600.
pub struct LeaseDirectory(PathBuf);

impl LeaseDirectory {
    /// Makes the directory.
    ///
    /// One that is there already is refused: somebody else could read it, or another job has a lease in it.
    pub fn create_directory(path: &Path) -> Result<Self, Failure> {
        // A kubeconfig is read from other directories too.
        let absolute = path::absolute(path)
            .and_then(|path| DirBuilder::new().mode(0o700).create(&path).map(|()| path));
        absolute
            .map(Self)
            .map_err(|error| Failure::io_error(format!("create {}", path.display()), &error))
    }

    /// Names a directory, which may not be there.
    pub fn from_path(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Writes all files. The id comes first: whoever is killed after that can still revoke the lease.
    pub fn write_files(
        &self,
        issued: &IssuedLease,
        cluster: &ClusterAddress,
    ) -> Result<(), Failure> {
        private_file::write_private(
            &self.0.join(LEASE_ID_FILE),
            issued.lease.lease_id.to_string().as_bytes(),
        )?;
        self.write_token(&issued.token)?;
        let document = kubeconfig::kubeconfig_with_token_file(
            cluster,
            &self.0.join(TOKEN_FILE),
            &issued.lease.namespace,
        );
        private_file::write_private(&self.kubeconfig_path(), document.to_string().as_bytes())
    }

    /// Writes the token, in place of the one before.
    pub fn write_token(&self, token: &Token) -> Result<(), Failure> {
        private_file::write_private(&self.0.join(TOKEN_FILE), token.expose_secret().as_bytes())
    }

    /// Returns the file for `KUBECONFIG`.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.0.join(KUBECONFIG_FILE)
    }

    /// Reads the id of the lease, if there is one.
    pub fn lease_id(&self) -> Result<Option<LeaseId>, Failure> {
        let file = self.0.join(LEASE_ID_FILE);
        let Some(content) = private_file::read_if_private(&file)? else { return Ok(None) };
        let id = std::str::from_utf8(&content).ok().and_then(|id| id.parse().ok());
        id.map(Some).ok_or_else(|| {
            Failure::local_error(format!("{} does not contain the id of a lease", file.display()))
        })
    }

    /// Removes the token, and the kubeconfig that is of no use without it.
    pub fn remove_credentials(&self) -> Result<(), Failure> {
        private_file::remove_file_if_present(&self.0.join(TOKEN_FILE))?;
        private_file::remove_file_if_present(&self.kubeconfig_path())
    }

    /// Removes the directory with its files, and nothing that others have put there.
    pub fn remove_directory_and_files(&self) -> Result<(), Failure> {
        self.remove_credentials()?;
        private_file::remove_file_if_present(&self.0.join(LEASE_ID_FILE))?;
        match fs::remove_dir(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::io_error(format!("remove {}", self.0.display()), &error))
            }
            _ => Ok(()),
        }
    }
}

const LEASE_ID_FILE: &str = "lease";
const TOKEN_FILE: &str = "token";
const KUBECONFIG_FILE: &str = "kubeconfig";

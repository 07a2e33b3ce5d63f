//! `man`

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output;

#[derive(Args, Debug)]
pub struct Man {
    /// Write the pages of all commands to this directory, such as kubelease-lease.1.
    #[arg(long, value_name = "DIRECTORY")]
    output_dir: Option<PathBuf>,
}

/// `kubelease man`
pub fn print_manual(arguments: &Man) -> Result<(), Failure> {
    let command = Arguments::command();
    if let Some(directory) = &arguments.output_dir {
        let write = std::fs::create_dir_all(directory)
            .and_then(|()| clap_mangen::generate_to(command, directory));
        let place = format!("write to {}", directory.display());
        return write.map_err(|error| Failure::io_error(place, &error));
    }
    let mut page = vec![];
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Failure::io_error("write the man page", &error))?;
    output::print_text(&String::from_utf8_lossy(&page))
}

//! `man`

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Args, Command, CommandFactory};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output;

#[derive(Args, Debug)]
pub struct ManArguments {
    /// Write the pages of all commands to this directory, such as kubelease-lease.1.
    #[arg(long, value_name = "DIRECTORY")]
    output_dir: Option<PathBuf>,
}

/// `kubelease man`
pub fn print_or_write_man_pages(arguments: &ManArguments) -> Result<(), Failure> {
    let mut command = Arguments::command();
    // Names each subcommand in full, as `kubelease-lease`.
    command.build();
    if let Some(directory) = &arguments.output_dir {
        let written = fs::create_dir_all(directory).and_then(|()| write_pages(&command, directory));
        let place = format!("write to {}", directory.display());
        return written.map_err(|error| Failure::io_error(place, &error));
    }
    let mut page = vec![];
    let rendered = manual_page(&command).render(&mut page);
    rendered.map_err(|error| Failure::io_error("write the man page", &error))?;
    output::print_text(&String::from_utf8_lossy(&page))
}

/// Writes the page of a command and those of its subcommands. `help` needs none: it shows what stands in them.
fn write_pages(command: &Command, directory: &Path) -> io::Result<()> {
    manual_page(command).generate_to(directory)?;
    let mut subcommands = command.get_subcommands().filter(|it| it.get_name() != "help");
    subcommands.try_for_each(|subcommand| write_pages(subcommand, directory))
}

fn manual_page(command: &Command) -> clap_mangen::Man {
    // A subcommand has no version of its own.
    let source = concat!("kubelease ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone()).source(source)
}

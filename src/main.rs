//! The program: reads the command line, and hands over to the server or to a client of it.

use std::process::ExitCode;

use clap::Parser as _;
use purser::app;
use purser::cli::{self, Cli, Command, Failure, Server, Terminal};

fn main() -> ExitCode {
    cli::end_quietly_when_nobody_reads();
    let cli = Cli::parse();
    // Another one was installed before only if main were called twice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(error.to_string()).report(),
    };
    let done = runtime.block_on(run(cli));
    // A prompt's reader blocks a thread until the next line: nobody waits for it.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Up => app::up(&cli.config, cli.socket).await,
        Command::Lint => app::lint(&cli.config, cli.json).await,
        Command::Init(init) => app::init(&cli.config, init, cli.json).await,
        Command::Doctor => app::doctor(&cli.config, cli.socket, cli.json).await,
        Command::Discord(discord) => app::discord(&cli.config, &discord, cli.json).await,
        Command::Recover(recover) => app::recover(&cli.config, &recover, cli.json).await,
        Command::Store(cli::Store::Migrate(to)) => app::migrate(&cli.config, to, cli.json).await,
        Command::Schema(schema) => schema.print(&app::schemas()),
        Command::Completions(completions) => completions.print(),
        Command::Receipts(cli::Receipts::Verify {
            file: Some(file),
            key,
        }) => cli::verify_file(&file, key.as_deref(), cli.json),
        Command::Schedules(cli::Schedules::Preview(preview)) if preview.is_expression() => {
            app::preview(&cli.config, &preview, cli.json)
        }
        Command::Secret(secret) => {
            app::secret(&cli.config, cli.socket, secret.read().await?, cli.json).await
        }
        Command::DockerProxy(arguments) => app::docker_proxy(arguments).await,
        command => {
            let socket = match cli.socket {
                Some(socket) => socket,
                None => app::socket(&cli.config)?,
            };
            let terminal = Terminal::at_hand(app::now);
            cli::call(command, &Server::at(&socket)?, terminal, cli.json).await
        }
    }
}

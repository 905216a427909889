//! What people see when Purser's way to Docker leads through the filter.

use std::fs;
use std::os::unix::fs::symlink;

use crate::docker::shop::Shop;
use crate::docker::stage::V1;
use crate::support::program::{Home, Said};
use crate::support::proxy::Proxy;
use crate::support::systems::of_kind;
use purser::docker_proxy::Allowances;

const STEPS: [(&str, &str); 4] = [
    (
        "deploy",
        "inputs:\n  service: { type: string, required: true }\nsteps:\n  - id: deploy\n    \
         uses: docker.deploy_service\n    with: { service: '{{ inputs.service }}', version: v2 }\n",
    ),
    (
        "logs",
        "inputs:\n  service: { type: string, required: true }\nsteps:\n  - id: logs\n    \
         uses: docker.show_logs\n    with: { service: '{{ inputs.service }}' }\n",
    ),
    (
        "migrate",
        "steps:\n  - id: migrate\n    uses: docker.run_job\n    \
         with: { image: 'purser-test/web:v1', command: [job, --lines, '2'] }\n",
    ),
    (
        "status",
        "steps:\n  - id: status\n    uses: docker.list_services\n",
    ),
];

async fn home(proxy: &Proxy) -> Home {
    let mut home = Home::new(&[(
        "shop",
        of_kind("docker", toml::toml! { host = (proxy.host()) }),
    )]);
    for (name, steps) in STEPS {
        home.workflow(name, steps);
    }
    home.up().await;
    home
}

fn is_done(said: &Said) {
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn everything_that_purser_does_with_docker_goes_through() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let proxy = Proxy::new(Allowances::default());
    let home = home(&proxy).await;
    let service = format!("service={}", shop.web());
    let status = home.types(&["run", "status"]).await;
    is_done(&status);
    assert!(status.out.contains(&shop.project), "{status:?}");
    is_done(&home.types(&["run", "migrate"]).await);
    let logs = home.types(&["run", "logs", "-i", &service]).await;
    is_done(&logs);
    assert!(logs.out.contains("web v1 listens"), "{logs:?}");
    is_done(&home.types(&["run", "deploy", "-i", &service]).await);
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn a_service_that_mounts_a_folder_of_the_host_needs_a_flag() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = folder.path().to_str().unwrap();
    let shop = Shop::new();
    shop.start(1, V1, &["--volume", &format!("{path}:/shop:ro")])
        .await;
    let old = shop.id(1);
    let service = format!("service={}", shop.web());

    let proxy = Proxy::new(Allowances::default());
    let refused = home(&proxy).await;
    let said = refused.types(&["run", "deploy", "-i", &service]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let told = format!(
        "refused by purser docker-proxy: HostConfig.Binds[0] mounts \"{path}\" of the host; \
         docker-proxy allows it with --allow-bind {path}:ro"
    );
    assert!(
        format!("{}{}", said.out, said.err).contains(&told),
        "{said:?}"
    );
    assert_eq!(shop.id(1), old);
    assert_eq!(shop.containers().len(), 1);

    let proxy = Proxy::new(Allowances {
        binds: vec![format!("{path}:ro")],
        ..Allowances::default()
    });
    let allowed = home(&proxy).await;
    is_done(&allowed.types(&["run", "deploy", "-i", &service]).await);
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn the_program_says_which_flags_would_give_everything_away() {
    let home = Home::new(&[]);
    let said = home.types(&["docker-proxy", "--allow-bind", "/"]).await;
    let text = "purser: --allow-bind /: whoever may mount that may do anything; name the folders\n";
    assert_eq!((said.code, said.err.as_str()), (2, text));
    let both = [
        "docker-proxy",
        "--allow-bind",
        "/srv",
        "--allow-bind",
        "/srv/shop",
    ];
    let said = home.types(&both).await;
    assert!(
        said.code == 2 && said.err.contains("symbolic link"),
        "{said:?}"
    );
    let both = [
        "docker-proxy",
        "--allow-bind",
        "/srv:ro",
        "--allow-bind",
        "/srv/",
    ];
    let said = home.types(&both).await;
    let text = "purser: --allow-bind /srv is given with and without :ro: say which of the two\n";
    assert_eq!((said.code, said.err.as_str()), (2, text));
}

#[tokio::test]
async fn a_folder_is_known_to_hold_dockers_socket_whatever_it_is_called() {
    let home = Home::new(&[]);
    fs::create_dir(home.path("engine")).unwrap();
    symlink(home.path("engine"), home.path("other-name")).unwrap();
    home.write("engine/docker.sock", "");
    let warned = async |bind: String| {
        // It ends at once: the folder of its own socket is not there.
        let said = home
            .types(&[
                "docker-proxy",
                "--allow-bind",
                &bind,
                "--listen",
                "nowhere/proxy",
                "--docker",
                home.path("engine/docker.sock").to_str().unwrap(),
            ])
            .await;
        format!("{}{}", said.out, said.err).contains("Docker's own socket lies there")
    };
    assert!(warned(home.path("other-name").display().to_string()).await);
    assert!(warned("/run:ro".to_owned()).await);
    assert!(!warned(home.path("store").display().to_string()).await);
}

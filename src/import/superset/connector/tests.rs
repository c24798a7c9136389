use super::*;

fn sorted(uri: &str) -> ParsedUri {
    sort(uri, None)
        .map_err(|problem| problem.to_string())
        .unwrap()
}

/// The settings as `name=value` words.
fn settings(uri: &ParsedUri) -> String {
    let word = |(name, value): &(String, SettingValue)| match value {
        SettingValue::Text(text) => format!("{name}={text}"),
        SettingValue::Integer(number) => format!("{name}={number}"),
    };
    uri.settings.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn words(fields: &[(String, Zeroizing<String>)]) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_server_finds_its_connector_and_fields() {
    let server = "host=h port=1 database=d username=u";
    for (uri, connector, expected, secrets, undeclared) in [
        (
            "postgresql+psycopg2://u:s3@h:1/d",
            "postgres",
            server,
            "password=s3",
            "",
        ),
        (
            "mysql+mysqldb://u:s3@h:1/d?charset=utf8",
            "mysql",
            server,
            "password=s3",
            "charset=utf8",
        ),
        ("mariadb://u:s3@h:1/d", "mariadb", server, "password=s3", ""),
        (
            "redshift+psycopg2://u:s3@h:1/d",
            "redshift",
            server,
            "password=s3",
            "",
        ),
        (
            "clickhousedb+connect://u:s3@h:1/d",
            "clickhouse",
            server,
            "password=s3",
            "",
        ),
        (
            "mssql+pymssql://u:s3@h:1/d",
            "mssql",
            server,
            "password=s3",
            "",
        ),
        (
            "oracle://u:s3@h:1/d",
            "oracle",
            "host=h port=1 service_name=d username=u",
            "password=s3",
            "",
        ),
        (
            "oracle+oracledb://u:s3@h:1?service_name=d",
            "oracle",
            "service_name=d host=h port=1 username=u",
            "password=s3",
            "",
        ),
        ("hana://u:s3@h:1/d", "sap_hana", server, "password=s3", ""),
        (
            "starrocks://u:s3@h:1/d",
            "starrocks",
            server,
            "password=s3",
            "",
        ),
        (
            "exa+pyodbc://u:s3@h:1/sc",
            "exasol",
            "host=h port=1 schema=sc username=u",
            "password=s3",
            "",
        ),
        (
            "trino://u:s3@h:1/c/sc",
            "trino",
            "host=h port=1 catalog=c schema=sc username=u",
            "password=s3",
            "",
        ),
    ] {
        assert_sorted(uri, connector, expected, secrets, undeclared);
    }
}

#[test]
fn systems_with_fields_of_their_own_find_them() {
    for (uri, connector, expected, secrets, undeclared) in [
        (
            "snowflake://u:s3@acc.eu/d/sc?role=r&warehouse=w&x=y",
            "snowflake",
            "account=acc.eu warehouse=w database=d schema=sc role=r username=u",
            "password=s3",
            "x=y",
        ),
        (
            "bigquery://proj/ds?location=EU&credentials_base64=s3",
            "bigquery",
            "project_id=proj dataset=ds location=EU",
            "",
            "credentials_base64=s3",
        ),
        (
            "databricks+connector://token:s3@h:443/sc?http_path=/sql/1&catalog=c",
            "databricks",
            "host=h http_path=/sql/1 catalog=c schema=sc",
            "token=s3",
            "",
        ),
        (
            "awsathena+rest://AKIA:s3@athena.eu-west-1.amazonaws.com:443/sc?s3_staging_dir=s3://b/p&work_group=w",
            "athena",
            "region=eu-west-1 database=sc s3_staging_dir=s3://b/p workgroup=w access_key_id=AKIA",
            "secret_access_key=s3",
            "",
        ),
        (
            "duckdb:///md:d?motherduck_token=s3&saas_mode=true",
            "motherduck",
            "database=d",
            "token=s3",
            "saas_mode=true",
        ),
    ] {
        assert_sorted(uri, connector, expected, secrets, undeclared);
    }
}

fn assert_sorted(uri: &str, connector: &str, expected: &str, secrets: &str, undeclared: &str) {
    let parsed = sorted(uri);
    assert_eq!(parsed.connector, connector);
    assert_eq!(settings(&parsed), expected, "{uri}");
    let declares = |name: &str| {
        crate::connectors::find(connector).is_some_and(|connector| connector.declares(name))
    };
    assert!(
        parsed.settings.iter().all(|(name, _)| declares(name)),
        "{uri}"
    );
    assert_eq!(words(&parsed.secrets), secrets, "{uri}");
    assert_eq!(words(&parsed.undeclared), undeclared, "{uri}");
}

#[test]
fn the_words_for_encryption_become_ours_and_unknown_ones_stay_undeclared() {
    for (query, tls) in [
        ("sslmode=disable", "disable"),
        ("sslmode=allow", "prefer"),
        ("sslmode=prefer", "prefer"),
        ("sslmode=require", "require"),
        ("sslmode=verify-ca", "verify"),
        ("sslmode=verify-full", "verify"),
        ("ssl_mode=VERIFY_IDENTITY", "verify"),
        ("secure=true", "require"),
    ] {
        assert_eq!(
            settings(&sorted(&format!("postgresql://h?{query}"))),
            format!("host=h tls={tls}")
        );
    }
    let odd = sorted("postgresql://h?sslmode=maybe&sslrootcert=/ca");
    assert_eq!(settings(&odd), "host=h");
    assert_eq!(words(&odd.undeclared), "sslmode=maybe sslrootcert=/ca");
}

#[test]
fn a_masked_secret_is_a_missing_one() {
    for mask in ["XXXXXXXXXX", "XXXX", "********", "***", "%2A%2A%2A%2A"] {
        assert!(
            sorted(&format!("mysql://u:{mask}@h/d")).secrets.is_empty(),
            "{mask}"
        );
    }
    for real in ["XXX", "XXXXx", "xxxx", "**"] {
        assert_eq!(
            words(&sorted(&format!("mysql://u:{real}@h/d")).secrets),
            format!("password={real}")
        );
    }
    assert!(
        sorted("bigquery://u:XXXXXXXXXX@p")
            .undeclared
            .iter()
            .all(|(name, _)| name != "password")
    );
}

#[test]
fn a_password_beside_the_uri_wins() {
    let beside = Some(Zeroizing::new("real".to_owned()));
    let parsed = sort("mysql://u:XXXXXXXXXX@h/d", beside).unwrap();
    assert_eq!(words(&parsed.secrets), "password=real");
}

#[test]
fn no_part_of_a_uri_is_lost() {
    let parsed = sorted("bigquery://user:pw@proj:99/ds");
    assert_eq!(
        words(&parsed.undeclared),
        "username=user password=pw port=99"
    );
    assert_eq!(
        words(&sorted("databricks://me:t@h:8443").undeclared),
        "username=me port=8443"
    );
}

#[test]
fn an_unknown_dialect_is_named_and_nothing_else() {
    for uri in [
        "sqlite:////hunter2.db",
        "cockroachdb://u:hunter2@h/d",
        "duckdb:////hunter2.db",
    ] {
        let message = sort(uri, None).unwrap_err().to_string();
        let dialect = uri.split(':').next().unwrap();
        assert!(
            message.contains(&format!("`{dialect}`")) && !message.contains("hunter2"),
            "{message}"
        );
    }
}

#[test]
fn settings_hold_no_control_characters() {
    for uri in [
        "mysql://u%00:p@h/d",
        "mysql://u:p@h%0Ax/d",
        "mysql://u:p@h/d?a%00=b",
    ] {
        assert!(sort(uri, None).is_err(), "{uri}");
    }
}

#[test]
fn debug_shows_names_and_no_values() {
    let shown = format!(
        "{:?}",
        sorted("postgresql://hunter2:hunter2@hunter2/hunter2?a=hunter2")
    );
    assert!(
        shown.contains("password") && !shown.contains("hunter2"),
        "{shown}"
    );
}

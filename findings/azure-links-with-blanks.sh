#!/usr/bin/env bash
# Guess:   the signed link that object_store makes for an object of Azure Blob Storage opens whatever the object is called.
# Truth:   it signs the percent-encoded path of the URL, and the service checks the decoded one. So the link of a name with a blank, a
#          bracket or a letter outside ASCII answers 403 AuthenticationFailed. Writing, reading and deleting the same object work.
# Version: crate object_store 0.14.2; npm azurite 3.37.0 (Azure's own emulator)
# Date:    2026-11-30
# Matters: a program that uploads recordings under the switch's own file names, such as "2026-11-30 queue (3).wav", hands out dead links,
#          while a health check that writes and reads an object is content.
. "$(dirname "$0")/support.sh"

mkdir -p rust/src
cat > rust/src/main.rs <<'END'
use std::time::Duration;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::ObjectStoreExt;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = MicrosoftAzureBuilder::new()
        .with_use_emulator(true)
        .with_container_name("recordings")
        .build()
        .unwrap();
    for name in ["plain.wav", "call 1.wav", "call(1).wav", "müller.wav"] {
        let path = Path::parse(name).unwrap();
        store.put(&path, "sound".into()).await.unwrap();
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        let link = store.signed_url("GET".parse().unwrap(), &path, Duration::from_secs(600)).await.unwrap();
        println!("{name}\t{}\t{link}", read.len());
    }
}
END
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
node_packages azurite@3.37.0 @azure/storage-blob@12.28.0
rust_program rust 'object_store = { version = "=0.14.2", default-features = false, features = ["azure"] }' 'tokio = { version = "1", features = ["macros", "rt"] }'
node_modules/.bin/azurite-blob --silent --skipApiVersionCheck --inMemoryPersistence --blobPort "$port" > azurite.log 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.2; done
# The emulator's account and key are the same for everybody, and documented.
key='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
endpoint="http://127.0.0.1:$port/devstoreaccount1"
cat > container.js <<'END'
const { BlobServiceClient } = require('@azure/storage-blob')
BlobServiceClient.fromConnectionString(process.argv[2]).createContainer('recordings')
END
NODE_PATH="$work/node_modules" node container.js \
  "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=$key;BlobEndpoint=$endpoint;"
AZURITE_BLOB_STORAGE_URL="http://127.0.0.1:$port" "$program" > links
while IFS=$'\t' read -r name bytes link; do
  printf '%s: %s bytes read, its link answers %s\n' "$name" "$bytes" "$(curl -s -o /dev/null -w '%{http_code}' "$link")"
done < links > seen

# The output seen:
expect <<'END'
plain.wav: 5 bytes read, its link answers 200
call 1.wav: 5 bytes read, its link answers 403
call(1).wav: 5 bytes read, its link answers 200
müller.wav: 5 bytes read, its link answers 403
END

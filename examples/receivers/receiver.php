<?php
// Receives the documents of Switchhook and stores each one once, as a file named by its id.
//
//     mkdir documents
//     WEBHOOK_SECRETS="whsec_…" WEBHOOK_FOLDER=documents php -d display_errors=0 -S 127.0.0.1:8088 receiver.php
//
// WEBHOOK_SECRETS holds the secrets of the webhook, separated by spaces; two while they are rotated.
// PHP 8.1 or later, no extensions. docs/receivers.md explains each check.
//
// php -S is for trying it. In production, run it by php-fpm behind a web server, with both variables in
// the pool (env[WEBHOOK_SECRETS] = …), php_admin_flag[display_errors] = off, and a folder that the web
// server does not publish.

declare(strict_types=1);

// A 2xx makes the sender forget the document, so the reply is a failure until the document is stored.
// PHP's own default is 200, also for a script that dies, when display_errors is on.
http_response_code(500);

const BODY_LIMIT = 4 * 1024 * 1024;
const TOLERANCE_S = 5 * 60;

function reply(int $status, string $text = ''): never
{
    http_response_code($status);
    header('Content-Type: text/plain; charset=utf-8');
    if ($text !== '') {
        echo $text, "\n";
        error_log("replied $status: $text");
    }
    exit;
}

/** @return list<string> */
function read_keys(string $text): array
{
    $keys = [];
    foreach (preg_split('/\s+/', $text, -1, PREG_SPLIT_NO_EMPTY) as $index => $secret) {
        $encoded = preg_replace('/\Awhsec_/', '', $secret);
        $key = base64_decode($encoded, true);
        if ($key === false || strlen($key) < 24 || strlen($key) > 64) {
            error_log('secret ' . ($index + 1) . ' of WEBHOOK_SECRETS is not base64 of 24 to 64 bytes after whsec_');
            reply(500, 'the receiver is not configured');
        }
        $keys[] = $key;
    }
    if ($keys === []) {
        error_log('WEBHOOK_SECRETS is not set; set it to the signing secret of the webhook');
        reply(500, 'the receiver is not configured');
    }
    return $keys;
}

/** Why a request is not genuine; null when it is. */
function why_refused(array $keys, string $id, string $timestamp, string $signatures, string $body): ?string
{
    // An id has no dot: the signed text is "id.timestamp.body", and a dot would make it ambiguous.
    // It is a file's name too, so it has no slash either. \z and not $, which allows a line end.
    if (!preg_match('/\A[A-Za-z0-9_-]{1,128}\z/', $id)) {
        return 'webhook-id is missing or malformed';
    }
    if (!preg_match('/\A[0-9]{1,12}\z/', $timestamp)) {
        return 'webhook-timestamp is missing or malformed';
    }
    if (abs(time() - (int) $timestamp) > TOLERANCE_S) {
        return 'webhook-timestamp is more than five minutes off; compare the clocks';
    }
    $is_genuine = false;
    foreach ($keys as $key) {
        // The body as it came: a document that was parsed and written again has other bytes.
        $expected = base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
        foreach (explode(' ', $signatures) as $entry) {
            if (str_starts_with($entry, 'v1,') && hash_equals($expected, substr($entry, 3))) {
                $is_genuine = true;
            }
        }
    }
    return $is_genuine ? null : 'no signature of webhook-signature fits';
}

function sync_folder(string $folder): void
{
    $opened = fopen($folder, 'r');
    if ($opened === false || !fsync($opened)) {
        throw new RuntimeException("cannot sync $folder");
    }
    fclose($opened);
}

/** Stores a document and returns true, or returns false when its id is there already. */
function put(string $folder, string $id, string $body): bool
{
    $part = "$folder/$id." . bin2hex(random_bytes(8)) . '.part';
    $path = "$folder/$id.document";
    try {
        $file = fopen($part, 'x');
        if ($file === false || fwrite($file, $body) !== strlen($body) || !fsync($file) || !fclose($file)) {
            throw new RuntimeException("cannot write $part");
        }
        // Exclusive, and only of a whole file: a crash never leaves a document that is half written
        // under its id, which the repeat would then take for stored.
        $is_new = @link($part, $path);
        if (!$is_new && !file_exists($path)) {
            throw new RuntimeException("cannot link $path");
        }
        // Of a repeat too: the first request may have died before it came to this.
        sync_folder($folder);
        return $is_new;
    } finally {
        // A crash before this leaves the part, which may be removed: nobody got a 2xx for it.
        @unlink($part);
    }
}

if (!in_array(strtolower((string) ini_get('display_errors')), ['', '0', 'off'], true)) {
    // With it, PHP warns of a body above post_max_size before this script begins, and has sent 200 by then.
    error_log('display_errors is on; set it to 0 in php.ini, in the pool, or by php -d display_errors=0');
    reply(500, 'the receiver is not configured');
}
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Allow: POST');
    reply(405, 'send documents by POST');
}
$keys = read_keys((string) getenv('WEBHOOK_SECRETS'));
// Before the body: PHP leaves it out when it is larger than post_max_size.
$body = (int) ($_SERVER['CONTENT_LENGTH'] ?? 0) > BODY_LIMIT
    ? null
    : stream_get_contents(fopen('php://input', 'r'), BODY_LIMIT + 1);
if ($body === null || strlen((string) $body) > BODY_LIMIT) {
    reply(413, 'a document has at most ' . BODY_LIMIT . ' bytes');
}
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$why = why_refused(
    $keys,
    $id,
    $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
    (string) $body,
);
if ($why !== null) {
    reply(401, $why);
}
try {
    $is_new = put(getenv('WEBHOOK_FOLDER') ?: 'documents', $id, $body);
} catch (Throwable $error) {
    error_log("cannot store $id: " . $error->getMessage());
    header('Retry-After: 10');
    reply(503, 'the document could not be stored');
}
error_log($is_new ? "stored $id, " . strlen($body) . ' bytes' : "repeat $id");
// The document is on the disk. Only now may the sender forget it.
reply(204);

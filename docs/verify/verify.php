<?php

// Verifies a webhook of aftercall. PHP 8, no packages.
// As a library: verify() or verify_plain(). By hand: php verify.php [--plain] SECRET HEADERS-FILE BODY-FILE

declare(strict_types=1);

namespace Aftercall;

const TOLERANCE = 300; // seconds

/** The request must not be believed; says why. */
final class Refused extends \RuntimeException
{
}

/**
 * Returns the webhook-id.
 *
 * @param array<string, string> $headers names in lower case
 * @param string $body as it came: file_get_contents('php://input')
 */
function verify(string $secret, array $headers, string $body): string
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    $signatures = $headers['webhook-signature'] ?? '';
    if ($id === '' || $signatures === '' || !preg_match('/\A[0-9]{1,12}\z/', $timestamp)) {
        throw new Refused('not signed: webhook-id, webhook-timestamp or webhook-signature is missing');
    }
    if (abs(time() - (int) $timestamp) > TOLERANCE) {
        throw new Refused('webhook-timestamp is too old, or from the future');
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", key_of($secret), true));
    // Several while a secret is rotated; one has to fit.
    foreach (explode(' ', $signatures) as $one) {
        if (hash_equals($expected, $one)) {
            return $id;
        }
    }
    throw new Refused('webhook-signature does not match');
}

/** The other signature: the key is the text of the secret, the message is the body alone. */
function verify_plain(string $secret, array $headers, string $body): void
{
    if ($secret === '') {
        throw new Refused('no secret is set');
    }
    if (!hash_equals('sha256=' . hash_hmac('sha256', $body, $secret), $headers['x-signature'] ?? '')) {
        throw new Refused('x-signature is missing or does not match');
    }
}

/** What base64 after whsec_ decodes to; of any other secret its text. */
function key_of(string $secret): string
{
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : $secret;
    if ($key === false || $key === '') {
        throw new Refused('no secret is set, or it is not base64 after whsec_');
    }
    return $key;
}

/** @param list<string> $arguments */
function main(array $arguments): int
{
    $plain = ($arguments[0] ?? '') === '--plain';
    if (count($arguments) !== ($plain ? 4 : 3)) {
        fwrite(STDERR, "usage: verify.php [--plain] SECRET HEADERS-FILE BODY-FILE\n");
        return 2;
    }
    [$secret, $headersFile, $bodyFile] = array_slice($arguments, $plain ? 1 : 0);
    $headers = [];
    foreach (file($headersFile) as $line) {
        if (str_contains($line, ':')) {
            [$name, $value] = explode(':', $line, 2);
            $headers[strtolower(trim($name))] = trim($value);
        }
    }
    $body = file_get_contents($bodyFile);
    try {
        $plain ? verify_plain($secret, $headers, $body) : verify($secret, $headers, $body);
    } catch (Refused $refused) {
        echo 'refused: ', $refused->getMessage(), "\n";
        return 1;
    }
    echo "verified\n";
    return 0;
}

if (PHP_SAPI === 'cli' && realpath($_SERVER['SCRIPT_FILENAME']) === __FILE__) {
    exit(main(array_slice($argv, 1)));
}

<?php

// $body is the raw request body: file_get_contents("php://input").
function verify(string $secret, array $headers, string $body): void
{
    $id = $headers["webhook-id"];
    $timestamp = $headers["webhook-timestamp"];
    if (abs(time() - (int) $timestamp) > 300) {
        throw new RuntimeException("too old");
    }
    $key = base64_decode(preg_replace("/^whsec_/", "", $secret), true);
    $expected = "v1," . base64_encode(hash_hmac("sha256", "$id.$timestamp.$body", $key, true));
    foreach (explode(" ", $headers["webhook-signature"]) as $entry) {
        if (hash_equals($expected, $entry)) {
            return;
        }
    }
    throw new RuntimeException("not genuine");
}

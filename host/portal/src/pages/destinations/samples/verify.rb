require "openssl"

# `body` is the raw request body, before anything parses it.
def verify(secret, headers, body)
  id, timestamp = headers.fetch("webhook-id"), headers.fetch("webhook-timestamp")
  raise "too old" if (Time.now.to_i - Integer(timestamp, 10)).abs > 300

  key = secret.delete_prefix("whsec_").unpack1("m")
  digest = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + body.b)
  expected = "v1," + [digest].pack("m0")
  given = headers.fetch("webhook-signature").split(" ")
  genuine = given.any? { |entry| OpenSSL.secure_compare(expected, entry) }
  raise "not genuine" unless genuine
end

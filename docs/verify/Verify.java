import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies a webhook of aftercall. JDK 17 or newer, nothing but the JDK.
 *
 * <p>As a library: {@link #verify} or {@link #verifyPlain}. By hand: {@code java Verify.java [--plain] SECRET
 * HEADERS-FILE BODY-FILE}
 */
public final class Verify {
    private static final long TOLERANCE_SECONDS = 300;

    /** The request must not be believed; says why. */
    public static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        Refused(String reason) {
            super(reason);
        }
    }

    private Verify() {}

    /**
     * Returns the webhook-id.
     *
     * @param header finds a header's value, or null, in whatever letter case: {@code request::getHeader} of a servlet,
     *     {@code headers::getFirst} of Spring
     */
    public static String verify(String secret, UnaryOperator<String> header, byte[] body) throws Refused {
        String id = orEmpty(header.apply("webhook-id"));
        String timestamp = orEmpty(header.apply("webhook-timestamp"));
        String signatures = orEmpty(header.apply("webhook-signature"));
        if (id.isEmpty() || signatures.isEmpty() || !timestamp.matches("[0-9]{1,12}")) {
            throw new Refused("not signed: webhook-id, webhook-timestamp or webhook-signature is missing");
        }
        if (Math.abs(Instant.now().getEpochSecond() - Long.parseLong(timestamp)) > TOLERANCE_SECONDS) {
            throw new Refused("webhook-timestamp is too old, or from the future");
        }
        byte[] tag = hmac(key(secret), bytes(id + "." + timestamp + "."), body);
        byte[] expected = bytes("v1," + Base64.getEncoder().encodeToString(tag));
        // Several while a secret is rotated; one has to fit.
        if (Arrays.stream(signatures.split(" ")).noneMatch(one -> MessageDigest.isEqual(expected, bytes(one)))) {
            throw new Refused("webhook-signature does not match");
        }
        return id;
    }

    /** The other signature: the key is the text of the secret, the message is the body alone. */
    public static void verifyPlain(String secret, UnaryOperator<String> header, byte[] body) throws Refused {
        if (secret.isEmpty()) {
            throw new Refused("no secret is set");
        }
        String expected = "sha256=" + HexFormat.of().formatHex(hmac(bytes(secret), body));
        if (!MessageDigest.isEqual(bytes(expected), bytes(orEmpty(header.apply("x-signature"))))) {
            throw new Refused("x-signature is missing or does not match");
        }
    }

    /** What base64 after whsec_ decodes to; of any other secret its text. */
    private static byte[] key(String secret) throws Refused {
        byte[] key;
        try {
            key = secret.startsWith("whsec_") ? Base64.getDecoder().decode(secret.substring(6)) : bytes(secret);
        } catch (IllegalArgumentException notBase64) {
            key = new byte[0];
        }
        if (key.length == 0) {
            throw new Refused("no secret is set, or it is not base64 after whsec_");
        }
        return key;
    }

    private static byte[] hmac(byte[] key, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            for (byte[] part : parts) {
                mac.update(part);
            }
            return mac.doFinal();
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("every JDK has HmacSHA256", error);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String orEmpty(String value) {
        return value == null ? "" : value;
    }

    public static void main(String[] arguments) throws IOException {
        boolean plain = arguments.length > 0 && arguments[0].equals("--plain");
        String[] rest = Arrays.copyOfRange(arguments, plain ? 1 : 0, arguments.length);
        if (rest.length != 3) {
            System.err.println("usage: Verify [--plain] SECRET HEADERS-FILE BODY-FILE");
            System.exit(2);
        }
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String line : Files.readAllLines(Path.of(rest[1]), StandardCharsets.ISO_8859_1)) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                headers.put(line.substring(0, colon).strip(), line.substring(colon + 1).strip());
            }
        }
        byte[] body = Files.readAllBytes(Path.of(rest[2]));
        try {
            if (plain) {
                verifyPlain(rest[0], headers::get, body);
            } else {
                verify(rest[0], headers::get, body);
            }
        } catch (Refused refused) {
            System.out.println("refused: " + refused.getMessage());
            System.exit(1);
        }
        System.out.println("verified");
    }
}

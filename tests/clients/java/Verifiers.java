// Checks tokens with Java libraries, each with a living cache: Verifiers REFRESH_MILLISECONDS. It reads requests, a JSON
// object with library, jwksUri and token on each line, and answers each with ok or error.
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jose4j.jwk.HttpsJwks;
import org.jose4j.jwt.consumer.JwtConsumer;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;
import org.jose4j.keys.resolvers.HttpsJwksVerificationKeyResolver;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

public final class Verifiers {
    private static final Set<JWSAlgorithm> ALGORITHMS = Set.of(JWSAlgorithm.ES256, JWSAlgorithm.RS256);

    /** A verifier of one URL; it keeps what its library keeps. */
    private interface Verifier {
        void verify(String token) throws Exception;
    }

    /** Fetches for an unknown kid, and when its cache is older than the refresh; without its limit of one in 30 s. */
    private static Verifier nimbus(String uri, long refresh) throws Exception {
        JWKSource<SecurityContext> source = JWKSourceBuilder.create(URI.create(uri).toURL())
            .cache(refresh, refresh / 2).refreshAheadCache(false).rateLimited(false).build();
        DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(ALGORITHMS, source));
        return token -> processor.process(token, null);
    }

    /** Spring Security's decoder with its own cache, as a resource server has it. */
    private static Verifier spring(String uri, long refresh) {
        NimbusJwtDecoder decoder = NimbusJwtDecoder.withJwkSetUri(uri)
            .jwsAlgorithm(SignatureAlgorithm.ES256).jwsAlgorithm(SignatureAlgorithm.RS256).build();
        return decoder::decode;
    }

    /** Fetches for an unknown kid, and after max-age. */
    private static Verifier jose4j(String uri, long refresh) {
        HttpsJwks keys = new HttpsJwks(uri);
        keys.setRefreshReprieveThreshold(0);
        JwtConsumer consumer = new JwtConsumerBuilder()
            .setVerificationKeyResolver(new HttpsJwksVerificationKeyResolver(keys)).setSkipDefaultAudienceValidation()
            .build();
        return consumer::process;
    }

    private static Verifier open(String library, String uri, long refresh) throws Exception {
        return switch (library) {
            case "nimbus" -> nimbus(uri, refresh);
            case "spring" -> spring(uri, refresh);
            case "jose4j" -> jose4j(uri, refresh);
            default -> throw new IllegalArgumentException(library);
        };
    }

    public static void main(String[] arguments) throws Exception {
        long refresh = Long.parseLong(arguments[0]);
        Map<String, Verifier> verifiers = new HashMap<>();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> asked = JSONObjectUtils.parse(line);
            String library = (String) asked.get("library");
            String uri = (String) asked.get("jwksUri");
            Map<String, Object> answer = new HashMap<>();
            try {
                if (!verifiers.containsKey(library + uri)) {
                    verifiers.put(library + uri, open(library, uri, refresh));
                }
                verifiers.get(library + uri).verify((String) asked.get("token"));
                answer.put("ok", true);
            } catch (Exception refused) {
                answer.put("ok", false);
                answer.put("error", refused.toString());
            }
            System.out.println(JSONObjectUtils.toJSONString(answer));
        }
    }
}

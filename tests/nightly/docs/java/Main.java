// Prints a token of the issuer that docs/issuers.md shows: Main DIRECTORY SUBJECT.
import java.nio.file.Path;

public final class Main {
    public static void main(String[] arguments) throws Exception {
        System.out.println(Issuer.sign(arguments[1], Path.of(arguments[0])));
    }
}

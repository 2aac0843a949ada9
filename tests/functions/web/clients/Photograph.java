import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

/** Sends a photograph with Java's own client, which offers HTTP/2 first; prints each answer on a line. */
class Photograph {
    public static void main(String[] args) throws Exception {
        var photo = Files.readAllBytes(Path.of(System.getenv("IMAGE")));
        var form = Files.createTempFile("form", null);
        for (var file : new String[] {"", "; filename=\"photo.jpg\""}) {
            try (var out = Files.newOutputStream(form)) {
                out.write(("--b\r\nContent-Disposition: form-data; name=\"image\"" + file + "\r\n\r\n").getBytes());
                out.write(photo);
                out.write("\r\n--b--\r\n".getBytes());
            }
            send("multipart/form-data; boundary=b", HttpRequest.BodyPublishers.ofFile(form));
        }
        send("image/jpeg", HttpRequest.BodyPublishers.ofByteArray(photo));
        var json = "{\"image\": \"" + Base64.getMimeEncoder().encodeToString(photo).replace("\r\n", "\\r\\n") + "\"}";
        send("application/json", HttpRequest.BodyPublishers.ofString(json));
    }

    static void send(String type, HttpRequest.BodyPublisher body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(System.getenv("TALLY") + "/api/score/image?top_k=1"))
            .header("x-functions-key", System.getenv("TALLY_KEY")).header("content-type", type).POST(body).build();
        System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import sightline.generator.v1.Generator.GenerateTextRequest;
import sightline.generator.v1.Generator.Media;
import sightline.generator.v1.Generator.Message;
import sightline.generator.v1.Generator.Part;
import sightline.generator.v1.Generator.Role;
import sightline.type.v1.Media.MediaKind;

/** A question that names its picture by digest, and holds the bytes once they are wanted. */
final class Question {
  private final String text;
  private final boolean endless;
  private final byte[] file;
  private final Media.Builder media;

  Question(String text, String imagePath, boolean endless) throws IOException {
    this.text = text;
    this.endless = endless;
    file = imagePath.isEmpty() ? null : Files.readAllBytes(Path.of(imagePath));
    media = file == null ? null : Media.newBuilder().setKind(MediaKind.MEDIA_KIND_IMAGE).setDigest(digest(file));
  }

  String digest() {
    return media.getDigest();
  }

  /** Adds the bytes if they are wanted and were not sent; tells whether it did. */
  boolean addBytes(String wanted) {
    if (media == null || !media.getData().isEmpty() || !wanted.contains(digest())) return false;
    media.setData(ByteString.copyFrom(file));
    return true;
  }

  GenerateTextRequest request() {
    var message = Message.newBuilder().setRole(Role.ROLE_USER);
    if (media != null) message.addParts(Part.newBuilder().setMedia(media));
    message.addParts(Part.newBuilder().setText(text));
    var request = GenerateTextRequest.newBuilder().addMessages(message);
    if (endless) request.getStopBuilder().setMaxTokenCount(4000).setEndIgnored(true);
    else request.getSamplingBuilder().setTemperature(0);
    return request.build();
  }

  private static String digest(byte[] bytes) {
    try {
      return "sha256:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}

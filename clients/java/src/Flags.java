import java.util.HashMap;
import java.util.Map;
import java.util.ArrayList;

/** The command line: ask --target HOST:PORT --image FILE [--deadline S] [--cancel-after N] QUESTION. */
final class Flags {
  final String target;
  final String image;
  final double deadlineSeconds;
  final int cancelAfter;
  final String question;

  Flags(String[] arguments) {
    Map<String, String> given = new HashMap<>();
    var words = new ArrayList<String>();
    for (int index = 0; index < arguments.length; index++) {
      if (arguments[index].startsWith("--")) given.put(arguments[index], arguments[++index]);
      else words.add(arguments[index]);
    }
    target = given.getOrDefault("--target", "127.0.0.1:50052");
    image = given.getOrDefault("--image", "");
    deadlineSeconds = Double.parseDouble(given.getOrDefault("--deadline", "60"));
    cancelAfter = Integer.parseInt(given.getOrDefault("--cancel-after", "0"));
    question = String.join(" ", words);
  }
}

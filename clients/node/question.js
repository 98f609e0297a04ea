// A question that names its picture by digest, and holds the bytes once they are wanted.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export class Question {
  constructor(text, imagePath) {
    this.parts = [{ text }];
    if (imagePath) {
      this.file = readFileSync(imagePath);
      const digest = `sha256:${createHash("sha256").update(this.file).digest("hex")}`;
      this.media = { kind: "MEDIA_KIND_IMAGE", digest };
      this.parts.unshift({ media: this.media });
    }
  }

  /** Adds the bytes if they are wanted and were not sent; tells whether they were added. */
  addBytes(wanted) {
    if (!this.media || this.media.data || !wanted.includes(this.media.digest)) return false;
    this.media.data = this.file;
    return true;
  }

  request(endless) {
    return {
      messages: [{ role: "ROLE_USER", parts: this.parts }],
      sampling: endless ? {} : { temperature: 0 },
      stop: endless ? { maxTokenCount: 4000, endIgnored: true } : {},
    };
  }
}

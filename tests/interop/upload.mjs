// Uploads a file with tus-js-client, or goes on with what an earlier process began:
// node upload.mjs '{"endpoint": "http://…/uploads/", "token": "…", "file": "…", "storage": "…"}'
import { createReadStream, statSync } from 'node:fs';
import * as tus from 'tus-js-client';

const { endpoint, token, file, storage, url, retry } = JSON.parse(process.argv[2]);

const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  uploadUrl: url,
  uploadSize: statSync(file).size,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: 'film.mp4', filetype: 'video/mp4' },
  urlStorage: storage && new tus.FileUrlStorage(storage),
  retryDelays: retry ? [100, 300, 1000, 3000] : null,
  onSuccess: () => tell({ url: upload.url }),
  onError: (error) => tell({
    status: error.originalResponse?.getStatus() ?? 0,
    error: error.message,
  }),
});

function tell(told) {
  console.log(JSON.stringify(told));
  process.exit(0);
}

const previous = storage ? await upload.findPreviousUploads() : [];
if (previous.length) {
  upload.resumeFromPreviousUpload(previous[0]);
}
upload.start();

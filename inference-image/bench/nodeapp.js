// onnxruntime-node behind node's http server, with the very ONNX file that this project serves.
const http = require("http");
const ort = require(process.env.BENCH_ORT);

(async () => {
  const session = await ort.InferenceSession.create(process.env.BENCH_MODEL, { intraOpNumThreads: 1 });
  http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      let rows = JSON.parse(Buffer.concat(parts).toString()).features;
      if (!Array.isArray(rows[0])) rows = [rows];
      const input = new ort.Tensor("float32", Float32Array.from(rows.flat()), [rows.length, rows[0].length]);
      const out = await session.run({ features: input }, ["probabilities"]);
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ probabilities: Array.from(out.probabilities.data) }));
    });
  }).listen(Number(process.env.BENCH_PORT), "127.0.0.1");
})();

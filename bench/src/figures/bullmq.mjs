// BullMQ doing what `queue` measures: bulk push, no-op jobs a second, idle latency.
import { Queue, Worker } from 'bullmq';
import IORedis from 'ioredis';

const url = new URL(process.env.REDIS_URL);
const connection = new IORedis({
  host: url.hostname, port: Number(url.port), password: url.password, maxRetriesPerRequest: null,
});
const jobs = Number(process.env.JOBS);
const idleJobs = Number(process.env.IDLE_JOBS);
const options = { removeOnComplete: true };
const queue = new Queue('bench', { connection });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let from = performance.now();
for (let n = 0; n < jobs; n += 500) {
  const length = Math.min(500, jobs - n);
  await queue.addBulk(Array.from({ length }, (_, k) => ({ name: 'noop', data: { n: n + k }, opts: options })));
}
console.log('.push', jobs / ((performance.now() - from) / 1e3));

let done = 0;
let ran = () => {};
const worker = new Worker('bench', async (job) => { done += 1; ran(job); },
  { connection, concurrency: Number(process.env.CONCURRENCY), autorun: false });
from = performance.now();
worker.run();
while (done < jobs || (await queue.getJobCounts('active', 'waiting')).active > 0) await sleep(2);
console.log('.rate', jobs / ((performance.now() - from) / 1e3));

const waits = [];
for (let n = 0; n < idleJobs; n += 1) {
  await sleep(20);
  const started = new Promise((seen) => { ran = () => seen(performance.now()); });
  const pushed = performance.now();
  await queue.add('noop', { n }, options);
  waits.push((await started) - pushed);
}
waits.sort((a, b) => a - b);
console.log('.idle.p50', waits[Math.floor(waits.length * 0.5)]);
console.log('.idle.p99', waits[Math.floor(waits.length * 0.99)]);
await worker.close();
await queue.close();
connection.disconnect();
process.exit(0);

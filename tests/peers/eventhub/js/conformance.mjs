// Microsoft's JavaScript SDK, on another AMQP stack (rhea), sends and receives; prints what it saw as JSON.
// The connection string comes in the environment, so that its key is on no command line.

import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from "@azure/event-hubs";

const connection = process.env.EVENTHUB_CONNECTION;
const hub = "readings";
const seen = {};

const producer = new EventHubProducerClient(connection, hub);
const properties = await producer.getEventHubProperties();
seen.name = properties.name;
seen.partitionIds = properties.partitionIds;

const batch = await producer.createBatch({ partitionKey: "device-7" });
for (let number = 0; number < 100; number++) {
  batch.tryAdd({ body: { number }, properties: { kind: "js" } });
}
await producer.sendBatch(batch);
await producer.sendBatch([{ body: "x".repeat(900_000) }], { partitionId: "3" });
const partition = await producer.getPartitionProperties("3");
seen.lastSequenceNumber = partition.lastEnqueuedSequenceNumber;
await producer.close();

const events = [];
const consumer = new EventHubConsumerClient("$Default", connection, hub);
await new Promise((resolve, reject) => {
  consumer.subscribe(
    {
      processEvents: async (batch, context) => {
        events.push(...batch.map((event) => ({ ...event, partition: context.partitionId })));
        if (events.length >= 101) resolve();
      },
      processError: async (error) => reject(error),
    },
    { startPosition: earliestEventPosition },
  );
});
await consumer.close();

const keyed = events.filter((event) => event.partitionKey === "device-7");
seen.numbers = keyed.map((event) => event.body.number);
seen.sequenceNumbers = keyed.map((event) => event.sequenceNumber);
seen.keyedPartitions = [...new Set(keyed.map((event) => event.partition))];
seen.kinds = [...new Set(keyed.map((event) => event.properties.kind))];
seen.longest = Math.max(...events.filter((event) => event.partition === "3").map((event) => String(event.body).length));

const wrong = connection.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=d3Jvbmc=");
const stranger = new EventHubProducerClient(wrong, hub, { retryOptions: { maxRetries: 0 } });
try {
  await stranger.getEventHubProperties();
  seen.wrongKey = "accepted";
} catch (error) {
  seen.wrongKey = error.code;
}
await stranger.close();

console.log(JSON.stringify(seen));

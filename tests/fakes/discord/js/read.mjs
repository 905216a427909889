// Prints a channel and its threads as discord.js sees them, one line of JSON a message, the oldest
// first; a thread follows the message that it hangs at.
//
//     node read.mjs API TOKEN CHANNEL

import { connect, discord, say } from "./discord.mjs";

const { GatewayIntentBits, MessageType } = discord;
const [api, token, id] = process.argv.slice(2);
const intents = [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent];

const client = await connect(api, token, intents);
const channel = await client.channels.fetch(id);
const threads = new Map();
for (const fetched of [await channel.threads.fetchActive(), await channel.threads.fetchArchived()]) {
  fetched.threads.forEach((thread) => threads.set(thread.id, thread));
}
await print(channel);
for (const thread of threads.values()) {
  await printThread(thread);
}
await client.destroy();

async function print(channel) {
  for (const message of await history(channel)) {
    if (message.type === MessageType.ThreadStarterMessage) continue;
    say(described(channel, message));
    const thread = threads.get(message.id);
    if (thread && thread.id !== channel.id) {
      threads.delete(message.id);
      await printThread(thread);
    }
  }
}

async function printThread(thread) {
  say(kept({ thread: thread.name, archived: thread.archived, locked: thread.locked }));
  await print(thread);
}

async function history(channel) {
  const all = [];
  let before;
  for (;;) {
    const page = [...(await channel.messages.fetch({ limit: 100, before, cache: false })).values()];
    all.push(...page);
    if (page.length < 100) return all.reverse();
    before = page.at(-1).id;
  }
}

function described(channel, message) {
  return kept({
    in: channel.name,
    author: message.author.username,
    content: message.content,
    edited: message.editedTimestamp !== null,
    embeds: message.embeds.map(({ data }) =>
      kept({
        title: data.title,
        description: data.description,
        url: data.url,
        color: data.color && `#${data.color.toString(16).padStart(6, "0")}`,
        fields: (data.fields ?? []).map(({ name, value }) => `${name}: ${value}`),
        footer: data.footer?.text,
        image: data.image?.url.split("/").at(-1),
      }),
    ),
    components: message.components.flatMap((row) =>
      row.components.map((one) =>
        kept({
          label: one.label,
          id: one.customId,
          url: one.url,
          disabled: one.disabled,
          placeholder: one.placeholder,
          options: (one.options ?? []).map(({ label }) => label),
        }),
      ),
    ),
    files: message.attachments.map(({ name, size, contentType }) => `${name} (${contentType}, ${size} bytes)`),
    pings: [
      ...(message.mentions.everyone ? ["everyone"] : []),
      ...message.mentions.users.map((user) => user.username),
      ...message.mentions.roles.map((role) => role.name),
    ],
  });
}

/** Without what says nothing. */
function kept(object) {
  const says = ([, value]) =>
    value !== undefined && value !== null && value !== "" && value !== false && value.length !== 0;
  return Object.fromEntries(Object.entries(object).filter(says));
}

// A small bot on discord.js: what it does is what a test of the local Discord asks for.
//
//     node bot.mjs API TOKEN
//
// It prints one line of JSON for what happens to it, and ends with its standard input.

import { connect, discord, say } from "./discord.mjs";

const {
  ActionRowBuilder,
  ApplicationIntegrationType,
  AttachmentBuilder,
  ButtonBuilder,
  ButtonStyle,
  ChannelType,
  EmbedBuilder,
  GatewayIntentBits,
  InteractionContextType,
  MessageFlags,
  ModalBuilder,
  Routes,
  SlashCommandBuilder,
  StringSelectMenuBuilder,
  TextInputBuilder,
  TextInputStyle,
} = discord;

const SERVICES = ["shop/web", "shop/worker", "blog/web"];

const service = (option) =>
  option.setName("service").setDescription("Which one").setRequired(true).setAutocomplete(true);
const COMMANDS = [
  new SlashCommandBuilder().setName("deploy").setDescription("Put a version live").addStringOption(service),
  new SlashCommandBuilder().setName("ask").setDescription("Ask whether to go on"),
  new SlashCommandBuilder().setName("thread").setDescription("Begin a thread and talk in it"),
  new SlashCommandBuilder().setName("slow").setDescription("Answer too late"),
  new SlashCommandBuilder()
    .setName("show")
    .setDescription("Show what was given")
    .addUserOption((option) => option.setName("who").setDescription("A person").setRequired(true))
    .addAttachmentOption((option) => option.setName("file").setDescription("A file").setRequired(true)),
  new SlashCommandBuilder()
    .setName("db")
    .setDescription("Databases")
    .addSubcommand((sub) =>
      sub
        .setName("backup")
        .setDescription("Back one up")
        .addIntegerOption((option) => option.setName("keep").setDescription("Days").setRequired(true)),
    ),
];

// For messages between a person and the bot, and nowhere else.
const DIRECT = [
  new SlashCommandBuilder()
    .setName("whoami")
    .setDescription("Say who asks, and where")
    .setContexts(InteractionContextType.BotDM)
    .setIntegrationTypes(ApplicationIntegrationType.GuildInstall),
];

const [api, token] = process.argv.slice(2);
const client = await connect(api, token, [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages]);
client.on("shardResume", () => say({ event: "resumed" }));
client.on("shardReady", () => say({ event: "ready again" }));
client.rest.on("response", ({ method }, { status }) => status === 429 && say({ event: "limited", method }));
client.on("interactionCreate", (interaction) =>
  answer(interaction).catch((error) => say({ event: "failed", code: error.code ?? String(error), status: error.status })),
);
const guild = client.guilds.cache.first();
const registered = await guild.commands.set(COMMANDS.map((command) => command.toJSON()));
await client.application.commands.set(DIRECT.map((command) => command.toJSON()));
const guilds = (await client.guilds.fetch()).map(({ name, owner, permissions }) => ({
  name,
  owner,
  embeds: permissions.has("EmbedLinks"),
  manages: permissions.has("ManageMessages"),
}));
say({ event: "ready", user: client.user.username, guilds, commands: registered.map(({ name }) => name) });
process.stdin.on("end", () => client.destroy()).resume();

async function answer(interaction) {
  if (interaction.isAutocomplete()) {
    const typed = interaction.options.getFocused();
    const fitting = SERVICES.filter((name) => name.startsWith(typed));
    return interaction.respond(fitting.map((name) => ({ name, value: name })));
  }
  if (interaction.isChatInputCommand()) return COMMAND[interaction.commandName](interaction);
  if (interaction.isModalSubmit()) {
    const reason = interaction.fields.getTextInputValue("reason");
    return interaction.reply({ content: `Rejected: ${reason}`, flags: MessageFlags.Ephemeral });
  }
  if (interaction.isStringSelectMenu()) {
    return interaction.update({ content: `Chosen: ${interaction.values.join(", ")}`, components: [] });
  }
  return CLICK[interaction.customId](interaction);
}

const COMMAND = {
  async deploy(interaction) {
    await interaction.deferReply();
    const name = interaction.options.getString("service");
    const embed = new EmbedBuilder()
      .setTitle(`Deploy ${name}`)
      .setDescription("Done")
      .setColor(0x57f287)
      .addFields({ name: "Version", value: "v2", inline: true })
      .setFooter({ text: "run 1" });
    await interaction.editReply({ embeds: [embed] });
  },
  async ask(interaction) {
    const button = (id, label, style) => new ButtonBuilder().setCustomId(id).setLabel(label).setStyle(style);
    const buttons = new ActionRowBuilder().addComponents(
      button("approve", "Approve", ButtonStyle.Success),
      button("reject", "Reject", ButtonStyle.Danger),
      button("undo", "Undo", ButtonStyle.Secondary).setDisabled(true),
    );
    const select = new ActionRowBuilder().addComponents(
      new StringSelectMenuBuilder()
        .setCustomId("version")
        .setPlaceholder("Version")
        .addOptions(["v1", "v2"].map((value) => ({ label: value, value }))),
    );
    await interaction.reply({ content: "Go on?", components: [buttons, select] });
  },
  async thread(interaction) {
    await interaction.deferReply({ flags: MessageFlags.Ephemeral });
    const message = await interaction.channel.send("Deploying");
    const thread = await message.startThread({ name: "steps", autoArchiveDuration: 60 });
    const file = new AttachmentBuilder(Buffer.from("all is well\n"), { name: "deploy.log" });
    await thread.send({ content: "Step 1", files: [file] });
    const said = await thread.send({ content: "Step 2 @everyone", allowedMentions: { parse: [] } });
    await said.edit("Step 2, done");
    const body = { name: "more" };
    const more = client.rest.post(Routes.threads(message.channelId, message.id), { body });
    const again = await more.catch((error) => error.code);
    await thread.setArchived(true);
    await interaction.editReply(`See the thread (another one: ${again})`);
  },
  async slow(interaction) {
    const told = new Promise((resolve) => process.stdin.once("data", resolve));
    say({ event: "waiting" });
    await told;
    await interaction.reply("Here I am");
  },
  async show(interaction) {
    const file = interaction.options.getAttachment("file");
    const text = await (await fetch(file.url)).text();
    const who = interaction.options.getMember("who");
    await interaction.reply(`${who} (${who.roles.cache.size} roles) gave ${file.name}: ${text}`);
  },
  async whoami(interaction) {
    const { user, member, context, channelId } = interaction;
    const { type } = await client.channels.fetch(channelId);
    const where = { context: InteractionContextType[context], channel: ChannelType[type], guild: interaction.inGuild() };
    const again = new ButtonBuilder().setCustomId("again").setLabel("Again").setStyle(ButtonStyle.Secondary);
    const components = [new ActionRowBuilder().addComponents(again)];
    const content = `${user.username}, ${member ? "a member" : "no member"}: ${JSON.stringify(where)}`;
    await interaction.reply({ content, components, flags: MessageFlags.Ephemeral });
  },
  async db(interaction) {
    const what = interaction.options.getSubcommand();
    await interaction.reply(`${what}, kept for ${interaction.options.getInteger("keep")} days`);
    await interaction.followUp({ content: "and this is private", flags: MessageFlags.Ephemeral });
  },
};

const CLICK = {
  async approve(interaction) {
    await interaction.update({ content: `Approved by ${interaction.user}`, components: [] });
  },
  async again(interaction) {
    await interaction.update({ content: `again, ${interaction.user.username}`, components: [] });
  },
  async reject(interaction) {
    const reason = new TextInputBuilder().setCustomId("reason").setLabel("Why?").setStyle(TextInputStyle.Paragraph);
    const modal = new ModalBuilder().setCustomId("why").setTitle("Reject");
    await interaction.showModal(modal.addComponents(new ActionRowBuilder().addComponents(reason)));
  },
};

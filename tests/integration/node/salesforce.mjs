// Drives an emulated Salesforce with the real jsforce: `node salesforce.mjs SCENARIO`, with the org's address and
// credentials as JSON in the variable SANDBOX. Prints what came back as JSON.
import jsforce from "jsforce";

const org = JSON.parse(process.env.SANDBOX);
const version = "62.0";

const connection = () =>
  new jsforce.Connection({ instanceUrl: org.url, accessToken: org.accessToken, version });

const failure = async (promise) => {
  try {
    return { unexpected: await promise };
  } catch (error) {
    return { name: error.name, code: error.errorCode, message: error.message };
  }
};

const scenarios = {
  async soap() {
    const conn = new jsforce.Connection({ loginUrl: org.url, version });
    const user = await conn.login(org.username, org.password + org.securityToken);
    const limits = await conn.limits();
    const other = new jsforce.Connection({ loginUrl: org.url, version });
    const wrong = await failure(other.login(org.username, "wrong"));
    const { accessToken, instanceUrl } = conn;
    await conn.logout();
    const after = new jsforce.Connection({ instanceUrl, accessToken, version });
    return { user, instanceUrl, limits, wrong, after: await failure(after.limits()) };
  },

  async oauth() {
    const oauth2 = { loginUrl: org.url, clientId: org.clientId, clientSecret: org.clientSecret };
    const conn = new jsforce.Connection({ oauth2, instanceUrl: org.url, version });
    const user = await conn.authorize({ grant_type: "client_credentials" });
    const identity = await conn.identity();
    const password = new jsforce.Connection({ oauth2, version });
    await password.authorize({
      grant_type: "password",
      username: org.username,
      password: org.password + org.securityToken,
    });
    const refreshing = new jsforce.Connection({
      oauth2,
      instanceUrl: org.url,
      accessToken: "dead",
      refreshToken: org.refreshToken,
      version,
    });
    const refreshed = await refreshing.query("SELECT Id FROM Lead");
    const dead = new jsforce.Connection({ instanceUrl: org.url, accessToken: "dead", version });
    const expired = await failure(dead.query("SELECT Id FROM Lead"));
    return { user, identity, refreshed: refreshed.totalSize, expired };
  },

  async read() {
    const conn = connection();
    const seen = [];
    const query = conn.query("SELECT Id, LastName FROM Lead ORDER BY LastName");
    query.on("record", (record) => seen.push(record.LastName));
    await query.run({ autoFetch: true, maxFetch: 1000 });
    const first = await conn.query("SELECT Id FROM Lead");
    const second = await conn.queryMore(first.nextRecordsUrl);
    const children = await conn
      .sobject("Account")
      .find({ Name: "Acme" }, "Id, Name")
      .include("Contacts")
      .select("Id, LastName")
      .end()
      .execute();
    const description = await conn.sobject("Lead").describe();
    const global = await conn.describeGlobal();
    const malformed = await failure(conn.query("SELECT Foo FROM Lead"));
    const deleted = await conn.query("SELECT Id FROM Lead WHERE IsDeleted = true", { scanAll: true });
    return {
      seen,
      first: { done: first.done, count: first.records.length, total: first.totalSize },
      second: second.records.length,
      children,
      fields: description.fields.filter((field) => field.externalId).map((field) => field.name),
      objects: global.sobjects.map((each) => each.name),
      malformed,
      deleted: deleted.totalSize,
    };
  },

  async write() {
    const conn = connection();
    const leads = conn.sobject("Lead");
    const single = await leads.create({ LastName: "山田", Company: "A社" });
    const many = await leads.create([
      { LastName: "佐藤", Company: "B社" },
      { LastName: "鈴木", Company: "C社", Email: "bad" },
    ]);
    const updated = await leads.update({ Id: single.id, Rating: "Hot" });
    const retrieved = await leads.retrieve(single.id);
    const upserts = [];
    for (const name of ["高橋", "高橋2"]) {
      upserts.push(await leads.upsert({ MA_Id__c: "new1", LastName: name, Company: "D社", Email: null }, "MA_Id__c"));
    }
    const collection = await leads.upsert(
      [
        { MA_Id__c: "m1", LastName: "伊藤", Company: "E社" },
        { MA_Id__c: "m2", LastName: "渡辺", Company: "F社", Email: "bad" },
        { MA_Id__c: "new1", LastName: "高橋3" },
      ],
      "MA_Id__c",
      { allOrNone: false },
    );
    const destroyed = await leads.destroy([single.id]);
    const start = new Date(org.now - 60 * 60 * 1000).toISOString();
    const end = new Date(org.now + 2 * 60 * 1000).toISOString();
    const changes = { updated: await leads.updated(start, end), deleted: await leads.deleted(start, end) };
    const composite = await conn.requestPost(`/services/data/v${version}/composite`, {
      allOrNone: false,
      compositeRequest: [
        {
          method: "POST",
          url: `/services/data/v${version}/sobjects/Task`,
          referenceId: "t1",
          body: { Subject: "Call" },
        },
      ],
    });
    return { single, many, updated, retrieved, upserts, collection, destroyed, changes, composite };
  },

  async bulk() {
    const conn = connection();
    conn.bulk2.pollInterval = 20;
    conn.bulk2.pollTimeout = 20000;
    const loaded = await conn.bulk2.loadAndWaitForResults({
      object: "Lead",
      operation: "upsert",
      externalIdFieldName: "MA_Id__c",
      input: [
        { MA_Id__c: "b1", LastName: "山田", Company: "A社", Email: null, Flag__c: true },
        { MA_Id__c: "b2", LastName: "佐藤", Company: "B社", Email: "bad", Flag__c: false },
      ],
    });
    const stream = await conn.bulk2.query("SELECT Id, LastName, Flag__c FROM Lead WHERE MA_Id__c != null");
    const queried = await stream.toArray();
    return { loaded, queried };
  },
};

console.log(JSON.stringify(await scenarios[process.argv[2]]()));

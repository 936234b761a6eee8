// Drives an emulated kintone with the real @kintone/rest-api-client: `node kintone.mjs SCENARIO`, with the address,
// the app and credentials as JSON in the variable SANDBOX. Prints what came back as JSON.
import { KintoneRestAPIClient } from "@kintone/rest-api-client";

const { url, app, token, login, guest } = JSON.parse(process.env.SANDBOX);
const client = (auth = { apiToken: token }, more = {}) => new KintoneRestAPIClient({ baseUrl: url, auth, ...more });

const failure = async (promise) => {
  try {
    return { unexpected: await promise };
  } catch (error) {
    const inner = error.error ?? error;
    return {
      name: error.name,
      code: inner.code,
      status: inner.status,
      bulkRequestIndex: inner.bulkRequestIndex,
      errors: inner.errors,
      errorIndex: error.errorIndex,
      processed: error.processedRecordsResult?.records?.length,
    };
  }
};

const many = (count, from = 0) =>
  Array.from({ length: count }, (_, index) => ({
    email: { value: `u${from + index}@example.com` },
    score: { value: index },
  }));

const scenarios = {
  async records() {
    const { record } = client();
    const added = await record.addRecord({
      app,
      record: {
        email: { value: "a@example.com" },
        score: { value: 10 },
        tags: { value: ["y", "x"] },
        rep: { value: [{ code: "sato" }] },
        touch: { value: [{ value: { t_at: { value: "2026-01-01T00:00:59Z" }, t_kind: { value: "web" } } }] },
      },
    });
    await record.addRecords({ app, records: [{ email: { value: 'c"q\\@example.com' } }, { email: { value: "" } }] });
    const one = await record.getRecord({ app, id: added.id });
    const quoted = await record.getRecords({ app, query: 'email = "c\\"q\\\\@example.com"' });
    const some = await record.getRecords({
      app,
      fields: ["$id", "email"],
      query: 'score > 5 and rank not in ("A") order by $id desc limit 10 offset 0',
      totalCount: true,
    });
    const list = Array.from({ length: 400 }, (_, index) => `"u${index}@example.com"`).join(",");
    const long = await record.getRecords({ app, query: `email in (${list},"a@example.com")` });
    const { revision } = await record.updateRecord({ app, id: added.id, revision: 1, record: { score: { value: 20 } } });
    const stale = await failure(record.updateRecord({ app, id: added.id, revision: 1, record: {} }));
    const upserts = await record.updateRecords({
      app,
      upsert: true,
      records: ["a@example.com", "new@example.com"].map((value) => ({
        updateKey: { field: "email", value },
        record: { score: { value: "6" } },
      })),
    });
    const both = [];
    for (const value of ["new@example.com", "z@example.com"]) {
      const updateKey = { field: "email", value };
      both.push(await record.upsertRecord({ app, updateKey, record: { score: { value: "8" } } }));
    }
    const wrong = await failure(record.addRecord({ app, record: { score: { value: "x" }, rank: { value: "Z" } } }));
    const missing = await failure(record.updateRecord({ app, id: 99999, record: {} }));
    await record.deleteRecords({ app, ids: [added.id, 2], revisions: [-1, -1] });
    const left = await record.getRecords({ app, fields: ["email"], query: "order by $id asc" });
    return { added, one, quoted, some, long, revision, stale, upserts, both, wrong, missing, left };
  },

  async many() {
    const { record } = client();
    const added = await record.addAllRecords({ app, records: many(2300) });
    const byId = await record.getAllRecordsWithId({ app, fields: ["email"], condition: "score > 1" });
    const byCursor = await record.getAllRecords({ app, fields: ["score"], orderBy: "score desc, $id asc" });
    const byOffset = await record.getAllRecords({ app, orderBy: "$id asc", withCursor: false });
    const updated = await record.updateAllRecords({
      app,
      upsert: true,
      records: many(2100, 300).map(({ email, score }) => ({
        updateKey: { field: "email", value: email.value },
        record: { score },
      })),
    });
    const bad = many(3000, 10000);
    bad[2537].score.value = "x";
    const failed = await failure(record.addAllRecords({ app, records: bad }));
    const rest = await record.getAllRecordsWithId({ app, fields: ["$id"] });
    await record.deleteAllRecords({ app, records: rest.map((each) => ({ id: each.$id.value })) });
    const { totalCount } = await record.getRecords({ app, totalCount: true, query: "limit 1" });
    return {
      added: added.records.length,
      first: added.records[0],
      byId: byId.length,
      byCursor: [byCursor.length, byCursor[0].score.value, byCursor.at(-1).score.value],
      byOffset: [byOffset.length, byOffset[0].$id.value],
      updated: updated.records.length,
      last: updated.records.at(-1),
      failed,
      rest: rest.length,
      totalCount,
    };
  },

  async cursor() {
    const { record } = client();
    await record.addAllRecords({ app, records: many(3) });
    const { id, totalCount } = await record.createCursor({ app, fields: ["email"], query: "order by $id asc", size: 2 });
    const pages = [await record.getRecordsByCursor({ id }), await record.getRecordsByCursor({ id })];
    const gone = await failure(record.getRecordsByCursor({ id }));
    const again = await failure(record.deleteCursor({ id }));
    for (let opened = 0; opened < 10; opened += 1) await record.createCursor({ app });
    const eleventh = await failure(record.createCursor({ app }));
    const limited = await failure(record.createCursor({ app, query: "limit 5" }));
    return { totalCount, pages, gone, again, eleventh, limited };
  },

  async bulk() {
    const api = client();
    const post = (email) => ({ method: "POST", api: "/k/v1/record.json", payload: { app, record: { email } } });
    const done = await api.bulkRequest({
      requests: [
        post({ value: "b1@example.com" }),
        {
          method: "PUT",
          api: "/k/v1/records.json",
          payload: {
            app,
            upsert: true,
            records: [{ updateKey: { field: "email", value: "b2@example.com" }, record: {} }],
          },
        },
        { method: "DELETE", api: "/k/v1/records.json", payload: { app, ids: [1], revisions: [-1] } },
      ],
    });
    const failed = await failure(
      api.bulkRequest({
        requests: [
          post({ value: "b3@example.com" }),
          { method: "PUT", api: "/k/v1/record.json", payload: { app, id: 99999, record: {} } },
        ],
      }),
    );
    const left = await api.record.getRecords({ app, fields: ["email"] });
    return { done, failed, left: left.records };
  },

  async people() {
    const { record } = client({ username: login.code, password: login.password });
    const { id } = await record.addRecord({ app, record: { email: { value: "p@example.com" } } });
    const mentions = [
      { code: "sato", type: "USER" },
      { code: "sales", type: "ORGANIZATION" },
    ];
    await record.addRecordComment({ app, record: id, comment: { text: "ホットリードです", mentions } });
    await record.addRecordComment({ app, record: id, comment: { text: "2" } });
    const comments = await record.getRecordComments({ app, record: id, order: "asc", offset: 0, limit: 10 });
    await record.deleteRecordComment({ app, record: id, comment: comments.comments[0].id });
    const left = await record.getRecordComments({ app, record: id });
    const nobody = await failure(
      record.addRecordComment({ app, record: id, comment: { text: "x", mentions: [{ code: "no", type: "USER" }] } }),
    );
    const assigned = await record.updateRecordAssignees({ app, id, assignees: [login.code], revision: 1 });
    const moved = await record.updateRecordStatus({ app, id, action: "開始", assignee: "sato" });
    const refused = await failure(record.updateRecordsStatus({ app, records: [{ id, action: "開始" }] }));
    const { record: after } = await record.getRecord({ app, id });
    return { comments, left, nobody, assigned, moved, refused, after };
  },

  async apps() {
    const api = client();
    const user = client({ username: login.code, password: login.password });
    const stranger = client({ username: login.code, password: "wrong" });
    const inGuestSpace = client({ apiToken: [token, guest.token] }, { guestSpaceId: guest.space });
    return {
      fields: await api.app.getFormFields({ app, lang: "ja" }),
      layout: await api.app.getFormLayout({ app }),
      process: await api.app.getProcessManagement({ app, lang: "default" }),
      one: await api.app.getApp({ id: app }),
      apps: await user.app.getApps({ ids: [app, 99], limit: 100, offset: 0 }),
      byToken: await failure(api.app.getApps({})),
      stranger: await failure(stranger.app.getApp({ id: app })),
      guest: await inGuestSpace.record.getRecords({ app: guest.app }),
      plainly: await failure(client({ apiToken: guest.token }).record.getRecords({ app: guest.app })),
      elsewhere: await failure(inGuestSpace.record.getRecords({ app })),
    };
  },
};

console.log(JSON.stringify(await scenarios[process.argv[2]]()));

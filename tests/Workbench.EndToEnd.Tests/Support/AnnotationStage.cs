using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workbench.Client.Contracts;

namespace Workbench.EndToEnd.Tests.Support;

/// <summary>Datasets to annotate, made over the API.</summary>
public static class AnnotationStage
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    private static readonly AnnotationSchemaDto s_schema = new(
        [new("人物", 0, "1"), new("地点", 1, "2"), new("时间", 2, "3"), new("其他", 3, "4")],
        [
            new("配偶", ["人物"], ["人物"], Symmetric: true, Key: "1"), new("父母", ["人物"], ["人物"], Key: "2"),
            new("结婚时间", ["人物"], ["时间"], Key: "3"), new("结婚地点", ["人物"], ["地点"], Key: "4"),
        ]);

    /// <summary>A dataset with these passages, nothing marked in them, and types for people, places and times; its id.</summary>
    public static async Task<string> SetAsync(WorkbenchProcess server, params string[] passages)
    {
        var dataset = await SendAsync<DatasetSummary>(server, HttpMethod.Post, Routes.Datasets, new CreateDataset("To annotate", ""));
        foreach (var passage in passages)
            await AddAsync(server, dataset.Id, passage);
        await SendAsync<AnnotationSchemaState>(server, HttpMethod.Put, $"{Routes.Datasets}/{dataset.Id}/annotation/schema", new SaveAnnotationSchema(0, s_schema));
        return dataset.Id;
    }

    /// <summary>A long passage with many entities and relations.</summary>
    public static async Task<string> SetLargeAsync(WorkbenchProcess server, int characters, int entities, int relations)
    {
        string[] names = ["刘德华", "朱丽倩", "刘向蕙", "香港", "北京大学", "2012年5月9日", "拉斯维加斯", "射雕英雄传"];
        var (text, spans, random) = (new System.Text.StringBuilder(), new List<object>(), new Random(7));
        while (text.Length < characters - 60)
        {
            var name = names[random.Next(names.Length)];
            if (spans.Count < entities && random.Next(characters / entities) < 40)
                spans.Add(new { after = new { id = $"s{spans.Count}", start = text.Length, end = text.Length + name.Length, type = "其他" } });
            text.Append(name).Append("的作品在当时引起了很大的反响，许多人都认为这是一个重要的事件"[..random.Next(4, 30)]).Append(random.Next(12) == 0 ? "。\n" : "，");
        }

        var pairs = new HashSet<(int, int)>();
        while (pairs.Count < relations)
        {
            var head = random.Next(spans.Count);
            var tail = Math.Clamp(head + random.Next(-5, 6), 0, spans.Count - 1);
            if (head != tail)
                pairs.Add((head, tail));
        }

        var id = (await SendAsync<DatasetSummary>(server, HttpMethod.Post, Routes.Datasets, new CreateDataset("Large", ""))).Id;
        var record = await AddAsync(server, id, text.ToString());
        var schema = new AnnotationSchemaDto([new("其他", 3, "1"), new("人物", 0, "2")], [new("相关", [], [], Key: "1")]);
        await SendAsync<AnnotationSchemaState>(server, HttpMethod.Put, $"{Routes.Datasets}/{id}/annotation/schema", new SaveAnnotationSchema(0, schema));
        var operations = $"{Routes.Datasets}/{id}/annotation/records/{record}/operations";
        await SendAsync<JsonElement>(server, HttpMethod.Post, operations, new { id = id + "m", kind = "mark", spans });
        await SendAsync<JsonElement>(server, HttpMethod.Post, operations, new { id = id + "r", kind = "relate", relations = pairs.Select((p, i) => new { after = new { id = $"r{i}", head = $"s{p.Item1}", tail = $"s{p.Item2}", type = "相关" } }) });
        return id;
    }

    private static async Task<string> AddAsync(WorkbenchProcess server, string dataset, string passage)
    {
        var form = new RelationFormDto(["配偶", "父母", "结婚时间", "结婚地点"], passage, []);
        return (await SendAsync<RecordDto>(server, HttpMethod.Post, $"{Routes.Datasets}/{dataset}/records", new SaveRecord(DatasetSplit.Train, null, null, null, form))).Id;
    }

    private static async Task<T> SendAsync<T>(WorkbenchProcess server, HttpMethod method, string address, object body)
    {
        using var request = new HttpRequestMessage(method, address) { Content = JsonContent.Create(body, body.GetType(), options: s_json) };
        using var answer = await server.Client.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<T>(s_json))!;
    }
}

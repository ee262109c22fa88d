namespace Peft.Core.Methods;

/// <summary>A method that holds something of its own for each of several tasks.</summary>
public interface IMultitaskAdapter
{
    /// <summary>Number of the task of each text of the next batches, from 0; null takes task 0 for all.</summary>
    long[]? TaskIds { get; set; }
}
